"""What every route is made of: bodies, parameters, refusals, who asks, and the door."""
