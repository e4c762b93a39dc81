"""Which pages may open a socket: a browser sends its cookies along for any of them."""

from urllib.parse import SplitResult, urlsplit

_TWINS = frozenset({"localhost", "127.0.0.1"})
_PORTS = {"http": 80, "https": 443}
"""Those that browsers leave away."""


def is_own_page(origin: str | None, public_url: str) -> bool:
    """Tell whether the ``Origin`` header names our page; None is no browser."""
    if origin is None:
        return True
    try:
        asked, own = urlsplit(origin), urlsplit(public_url)
        is_same_door = asked.scheme == own.scheme and _port(asked) == _port(own)
    except ValueError:
        return False
    twins = _TWINS if own.hostname in _TWINS else {own.hostname}
    return is_same_door and asked.hostname in twins


def _port(url: SplitResult) -> int | None:
    return url.port or _PORTS.get(url.scheme)
