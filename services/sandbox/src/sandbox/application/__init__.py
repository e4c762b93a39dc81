"""What the service does, in terms of ports: no path, no process id, no socket."""
