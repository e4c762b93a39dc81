"""What reaches other services over the bus, and what they tell. No decisions."""
