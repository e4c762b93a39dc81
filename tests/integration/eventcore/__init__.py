"""The event core on real servers."""
