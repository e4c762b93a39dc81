"""The event core without I/O."""
