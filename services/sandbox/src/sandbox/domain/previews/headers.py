"""Which headers pass between a browser and a generated app (neither trusts the other).

The app must not learn who its visitor is to us; the browser must not do for the app
what reaches beyond the app's own origin.
"""

import re
from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = list[tuple[bytes, bytes]]

_OUR_COOKIES = (b"better-auth.", b"__secure-better-auth.", b"__host-better-auth.")
HOP = b"x-atelier-hop"
"""Says that another controller has passed the request on: nobody does it twice."""
_NOT_TO_APP = frozenset({b"forwarded", b"x-real-ip", HOP})
_NOT_TO_APP_PREFIXES = (b"proxy-", b"x-forwarded-")
_SENT_UNASKED = re.compile(
    rb"(^|[\s,])(basic|digest|hoba|kerberos|negotiate|ntlm)\b", re.IGNORECASE
)
"""Ways to sign in of which a browser sends what it knows by itself: a proxy in front
of us may have asked for it. So an app does not get that, and cannot ask for it."""
_ASKED_BY_OWN_PAGE = (b"sec-fetch-site", b"same-origin")
"""What a browser adds, and no script can, where a page asks its own server."""
_OUR_TOKEN = b"atl_"
_NOT_TO_BROWSER = frozenset(
    {
        b"alt-svc",
        b"clear-site-data",
        b"cross-origin-resource-policy",
        b"origin-agent-cluster",
        b"public-key-pins",
        b"service-worker-allowed",
        b"strict-transport-security",
        # It is shown in a frame of ours, whatever a library thinks of frames.
        b"x-frame-options",
        b"x-robots-tag",
    }
)
_POLICIES = (b"content-security-policy", b"content-security-policy-report-only")
_FRAMES = re.compile(rb"(^|[;,])\s*frame-ancestors(?![\w-])[^;,]*", re.IGNORECASE)
"""The same in a policy; the rest of it is the app's own business."""
ADDED: Headers = [
    (b"X-Robots-Tag", b"noindex"),
    (b"Origin-Agent-Cluster", b"?1"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
]
"""What every answer of a preview says."""
_LINK_BYTES = 2048
"""Other proxies on the way take heads of 4 KiB and no more."""
_PLAIN = re.compile(r"/(?!/)[\w./@?=&%+~:!$*-]+", re.ASCII)
_HTML = b"text/html"


def to_app(headers: Headers) -> Headers:
    """Return what of a browser's *headers* the app gets."""
    passed: Headers = []
    is_own = _ASKED_BY_OWN_PAGE in ((name.lower(), value) for name, value in headers)
    for name, value in headers:
        lower = name.lower()
        if lower in _NOT_TO_APP or lower.startswith(_NOT_TO_APP_PREFIXES):
            continue
        if lower == b"authorization" and not (is_own and _is_of_app(value)):
            continue
        if lower == b"cookie":
            kept = _foreign_cookies(value)
            if kept:
                passed.append((name, kept))
        else:
            passed.append((name, value))
    return passed


def _is_of_app(authorization: bytes) -> bool:
    """Tell whether a page that has sent this has chosen to, and it is none of ours."""
    words = authorization.lower().split()
    is_ours = any(word.startswith(_OUR_TOKEN) for word in words)
    return not is_ours and not _SENT_UNASKED.match(authorization)


def _foreign_cookies(value: bytes) -> bytes:
    pairs = (pair.strip() for pair in value.split(b";"))
    return b"; ".join(pair for pair in pairs if pair and not _is_ours(pair))


def _is_ours(pair: bytes) -> bool:
    return pair.partition(b"=")[0].strip().lower().startswith(_OUR_COOKIES)


_IN_A_FRAME = b"; SameSite=None; Secure; Partitioned"
_SAID_OF_FRAMES = (b"samesite", b"secure", b"partitioned")


def to_browser(headers: Headers, *, is_secure: bool = False) -> Headers:
    """Return what of the app's *headers* the browser gets, and what we add.

    A browser keeps no ordinary cookie of a frame, whose page is another site's. Where
    the address *is_secure* each cookie is given once more, for this frame alone.
    """
    passed: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower in _NOT_TO_BROWSER:
            continue
        if lower == b"set-cookie" and _reaches_beyond(value):
            continue
        if lower == b"www-authenticate" and _SENT_UNASKED.search(value):
            continue
        kept = _FRAMES.sub(rb"\1", value) if lower in _POLICIES else value
        passed.append((name, kept))
        if lower == b"set-cookie" and is_secure:
            passed.append((name, _in_a_frame(value)))
    return passed + ADDED


def with_modules(headers: Headers, modules: Iterable[str]) -> Headers:
    """Return *headers* of a page which also say what it is going to load.

    Where that is more than a head takes, the rest is found by whoever reads the page.
    """
    kinds = [value for name, value in headers if name.lower() == b"content-type"]
    if not any(kind.lower().startswith(_HTML) for kind in kinds):
        return headers
    links: list[bytes] = []
    left = _LINK_BYTES
    for module in modules:
        link = f"<{module}>;rel=modulepreload".encode()
        left -= len(link) + 1
        if left < 0:
            break
        if _PLAIN.fullmatch(module):
            links.append(link)
    return [*headers, (b"Link", b",".join(links))] if links else headers


def _in_a_frame(cookie: bytes) -> bytes:
    pair, *attributes = cookie.split(b";")
    kept = [
        one
        for one in attributes
        if one.partition(b"=")[0].strip().lower() not in _SAID_OF_FRAMES
    ]
    return b";".join([pair, *kept]) + _IN_A_FRAME


def _reaches_beyond(cookie: bytes) -> bool:
    """Tell whether a cookie would go to other origins, or passes for one of ours."""
    pair, *attributes = cookie.split(b";")
    names = (one.partition(b"=")[0].strip().lower() for one in attributes)
    return _is_ours(pair) or b"domain" in names
