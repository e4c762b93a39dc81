"""Many processes of each service on a cluster of NATS, and what their deaths cost."""
