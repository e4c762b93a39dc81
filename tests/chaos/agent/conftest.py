"""The agent's surroundings, as its integration tests have them."""

from tests.integration.agent.conftest import app, surroundings

__all__ = ["app", "surroundings"]
