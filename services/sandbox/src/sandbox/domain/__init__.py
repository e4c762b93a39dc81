"""Rules of a sandbox. Pure: no await, no clock, no process, no file."""
