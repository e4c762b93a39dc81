"""Asking the servers of tests, which speak plain HTTP on this machine."""

import http.client
import ssl
from contextlib import closing
from http import HTTPStatus
from urllib.parse import urlsplit

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of httpx, each of which else reads all certificates of the machine."""


def text_at(url: str, timeout_s: float = 10.0) -> str:
    """Return what a server answers.

    Raises:
        OSError: It does not answer, or with another status than 200.

    """
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    with closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{url}: {error!r}") from error
    if answer.status != HTTPStatus.OK:
        raise ConnectionError(f"{url}: {answer.status} {text}")
    return text


def answers(url: str, timeout_s: float = 10.0) -> bool:
    """Tell whether a server answers with 200; cheap enough to be asked all the time."""
    try:
        text_at(url, timeout_s)
    except OSError:
        return False
    return True
