"""Rules of a connection and of its messages. Pure: no await, no clock, no log."""
