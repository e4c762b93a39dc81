"""The sandbox service's rules, without I/O."""
