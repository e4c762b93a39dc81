"""New ids."""

from uuid import UUID, uuid4


def random_id() -> UUID:
    """Return an id that nobody has."""
    return uuid4()
