"""What people open in a browser: the client, and the API's description."""
