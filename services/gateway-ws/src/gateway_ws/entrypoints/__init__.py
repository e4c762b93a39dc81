"""Where connections come in: accept, tell who it is, pump frames both ways."""
