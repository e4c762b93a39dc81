"""The agent and the sandbox, asked over the bus."""
