"""What an app is, and what has to be there before it starts: no word of how it runs."""
