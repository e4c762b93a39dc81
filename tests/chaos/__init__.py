"""Faults by the hundred; `make chaos` runs them, `make test` a sample of their like."""
