"""The rules of a project, without I/O."""
