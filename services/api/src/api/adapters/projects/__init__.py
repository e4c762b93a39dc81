"""Read models of projects, and what apps find in their environment."""
