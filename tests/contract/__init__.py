"""What is promised: one suite for each port, every adapter; REST and the WebSocket."""
