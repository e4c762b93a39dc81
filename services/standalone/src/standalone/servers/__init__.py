"""The database and the bus: those that we start ourselves, and those of yours."""
