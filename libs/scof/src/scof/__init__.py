"""scof."""
