"""What comes in from the bus: events to follow, and questions of other services."""
