"""Webhooks: what may be called, how a call is signed, when it is made again.

Signed as https://www.standardwebhooks.com says, for which receivers find libraries.
"""

import hashlib
import hmac
import ipaddress
from base64 import b64encode
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from msgspec import Struct

from eventcore.errors import Rejected

MAX_WEBHOOKS = 10
"""Webhooks of one project."""
MAX_URL_CHARS = 2000
MAX_BODY_BYTES = 256 * 1024
"""Larger events, files mostly, are told without their data."""
MAX_PENDING = 1000
"""Deliveries of one webhook that wait; further ones are recorded as failed at once."""
AT_ONCE_OF_WEBHOOK = 2
"""Attempts under way in one process: a slow receiver delays itself alone."""
AT_ONCE_OF_USER = 8
"""The same of all webhooks of a person, however many there are."""
DELIVERIES_KEPT = timedelta(days=7)
RETRIES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21600)
)
"""After each failed attempt; then the delivery has failed for good, after 8.6 hours."""
SECRET_BYTES = 32
_SECRET_PREFIX = "whsec_"  # noqa: S105 - what marks a secret, and none
_MIN_FREE_PORT = 1024
_WEB_PORTS = frozenset({80, 443})

DeliveryState: TypeAlias = Literal["pending", "delivered", "failed"]


class Webhook(Struct, frozen=True):
    """An address that is told of a project's events."""

    id: UUID
    project_id: UUID
    url: str
    events: list[str]
    enabled: bool
    created_at: datetime
    updated_at: datetime


class NewWebhook(Struct, frozen=True):
    """What a webhook is made from."""

    id: UUID
    project_id: UUID
    user_id: UUID
    url: str
    events: list[str]
    secret: bytes
    """Encrypted."""


class Delivery(Struct, frozen=True):
    """An event on its way to a webhook, and how that went."""

    id: UUID
    webhook_id: UUID
    seq: int
    type: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    created_at: datetime
    tried_at: datetime | None
    last_status: int | None
    last_error: str | None


class DueDelivery(Struct, frozen=True):
    """All that an attempt needs."""

    id: UUID
    webhook_id: UUID
    user_id: UUID
    url: str
    secret: bytes
    """Encrypted."""
    body: bytes
    attempts: int
    """Those before this one."""


def shown_secret(secret: bytes) -> str:
    """Return a secret as its receiver is told it."""
    return _SECRET_PREFIX + b64encode(secret).decode()


def signed_headers(
    delivery_id: UUID, at_s: int, body: bytes, secret: bytes
) -> dict[str, str]:
    """Return the headers by which a receiver knows that we sent *body*, and when.

    The id is the same at each attempt, so that whoever hears twice can tell.
    """
    signed = f"{delivery_id}.{at_s}.".encode() + body
    signature = b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{signature}",
    }


def retry_after(attempts: int, jitter: float) -> timedelta | None:
    """Return how long to wait after so many attempts have failed; None: give up.

    *jitter* from 0 to 1 spreads those that failed together over another fifth.
    """
    if attempts > len(RETRIES):
        return None
    return RETRIES[attempts - 1] * (1 + jitter / 5)


def checked_url(url: str) -> str:
    """Return *url* if a webhook may have it, as far as its text can tell.

    Which address the name leads to is checked when it is called, every time.

    Raises:
        Rejected: It may not.

    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("The url is not valid") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _refused("The url must begin with https:// or http://")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused("The url may have neither a user nor a fragment")
    if port is not None and port < _MIN_FREE_PORT and port not in _WEB_PORTS:
        raise _refused("The url's port is not one of the web")
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not is_plain or len(url) > MAX_URL_CHARS or "\\" in url:
        raise _refused("The url is not valid")
    return url


def is_public(address: str) -> bool:
    """Tell whether *address* is one of the internet, and of nobody's own network.

    Addresses that carry another one, of IPv4 in IPv6, are as public as that one.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or _translated(ip)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _translated(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None


def _refused(sentence: str) -> Rejected:
    return Rejected("invalid_message_data", sentence)
