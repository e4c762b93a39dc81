"""gateway_ws."""
