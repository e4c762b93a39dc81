"""Which pages may open a socket: a browser sends its cookies along for any of them."""

from urllib.parse import urlsplit

_TWINS = frozenset({"localhost", "127.0.0.1"})


def is_own_page(origin: str | None, public_url: str) -> bool:
    """Tell whether the ``Origin`` header names our page; None is no browser."""
    if origin is None:
        return True
    try:
        asked, own = urlsplit(origin), urlsplit(public_url)
        same_door = asked.scheme == own.scheme and asked.port == own.port
    except ValueError:
        return False
    twins = _TWINS if own.hostname in _TWINS else {own.hostname}
    return same_door and asked.hostname in twins
