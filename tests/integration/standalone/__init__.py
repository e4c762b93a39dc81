"""One service against real servers."""
