"""The sandbox service on real processes and a real bus."""
