"""The REST API as anybody may use it, against the api and the agent as processes."""
