"""REST of accounts, sessions, tokens and their administration; no project."""
