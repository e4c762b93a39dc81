"""Where requests, questions on the bus and events come in, and nothing is decided."""
