"""Ways in and out of a sandbox that has no network. Knows no runtime."""
