"""Accounts, sessions, tokens and passwords, and who else signs people in."""
