"""REST of projects and all that belongs to one; nothing of accounts."""
