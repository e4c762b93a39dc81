"""Real service processes on the chassis."""
