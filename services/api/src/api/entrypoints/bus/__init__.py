"""What comes in from the bus: events to follow, and questions about sessions."""
