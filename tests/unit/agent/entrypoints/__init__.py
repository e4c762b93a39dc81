"""How work is found and shared."""
