"""What the api does with a request, an event or a password, through its ports."""
