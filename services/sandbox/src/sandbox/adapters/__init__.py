"""The world: processes, folders, the agent, the network. Decisions are elsewhere."""
