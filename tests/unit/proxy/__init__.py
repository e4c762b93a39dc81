"""Heads and headers, without a socket."""
