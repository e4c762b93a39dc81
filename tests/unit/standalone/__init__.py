"""The parts of the start on one machine that need no process."""
