"""What a worker does, in worlds of stand-ins."""
