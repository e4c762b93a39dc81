"""Which headers pass the proxy, and which it sets itself (RFC 9110, 7.6.1)."""

from typing import TypeAlias

Headers: TypeAlias = list[tuple[bytes, bytes]]
"""Names as they were spelled, and values, in the order in which they came."""

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

# `Connection: host` would take from a request what makes it what it is.
_NEVER_BY_REQUEST = frozenset({b"host", b"content-length"})

_FORWARDED = frozenset({b"forwarded", b"x-real-ip", b"via"})
_FORWARDED_PREFIX = b"x-forwarded-"


def values_of(headers: Headers, name: bytes) -> list[bytes]:
    """Return all values of *name*, which is in lower case."""
    return [value for key, value in headers if key.lower() == name]


def without(headers: Headers, *names: bytes) -> Headers:
    """Return *headers* without those of *names*, which are in lower case."""
    return [header for header in headers if header[0].lower() not in names]


def tokens_of(headers: Headers, name: bytes) -> set[bytes]:
    """Return the comma-separated words of all values of *name*, in lower case."""
    return {
        word.strip().lower()
        for value in values_of(headers, name)
        for word in value.split(b",")
    }


def is_websocket(method: bytes, version: bytes, headers: Headers) -> bool:
    """Tell whether this is the one upgrade that passes through."""
    return (
        method == b"GET"
        and version == b"1.1"
        and b"upgrade" in tokens_of(headers, b"connection")
        and tokens_of(headers, b"upgrade") == {b"websocket"}
        and not tokens_of(headers, b"content-length") - {b"0"}
        and not values_of(headers, b"transfer-encoding")
    )


def end_to_end(headers: Headers) -> Headers:
    """Return what is meant for the other end, not for the next hop."""
    listed = tokens_of(headers, b"connection") - _NEVER_BY_REQUEST
    dropped = _HOP_BY_HOP | listed
    return [header for header in headers if header[0].lower() not in dropped]


def forwarded(
    headers: Headers, *, peer: str, scheme: str, host: bytes, trusted: bool
) -> Headers:
    """Return *headers* with our own word on who asked, for what.

    What the request says about that itself counts only from a *trusted* peer, which is
    another proxy: then its list of addresses is continued and its scheme kept.
    """
    chain, proto, asked = [peer.encode()], scheme.encode(), host
    if trusted:
        chain = [*values_of(headers, b"x-forwarded-for"), *chain]
        proto = _first(headers, b"x-forwarded-proto") or proto
        asked = _first(headers, b"x-forwarded-host") or asked
    return [
        *without_forwarded(headers),
        (b"X-Forwarded-For", b", ".join(chain)),
        (b"X-Forwarded-Proto", proto),
        (b"X-Forwarded-Host", asked),
    ]


def without_forwarded(headers: Headers) -> Headers:
    """Return *headers* without any claim about who asked."""
    return [header for header in headers if not _claims_origin(header[0].lower())]


def _claims_origin(name: bytes) -> bool:
    return name in _FORWARDED or name.startswith(_FORWARDED_PREFIX)


def _first(headers: Headers, name: bytes) -> bytes | None:
    values = values_of(headers, name)
    return values[0] if values else None
