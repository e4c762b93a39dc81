"""eventcore."""
