"""The client of the command line, without a server."""
