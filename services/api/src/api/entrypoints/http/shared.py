"""What all copies of a route have in common."""

from typing import Any, Self


class Shared:
    """An object whose methods handle requests.

    Litestar copies routes together with what their handlers are bound to; but there is
    one pool of connections, and one of everything that is made of it.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the object itself."""
        return self
