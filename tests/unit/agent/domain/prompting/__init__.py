"""What a model is told, and what is read from its answers."""
