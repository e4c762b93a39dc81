"""Supervision, without a process."""
