"""The page, used in a browser as people use it."""
