"""Entity tags, and the conditions that requests make of them (RFC 9110, 13.1)."""

import re
from http import HTTPStatus

from api.entrypoints.http.errors import AnyRequest, HttpError

ANY = "*"
"""In place of tags: whatever is there."""
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_BETWEEN = re.compile(r"[ \t,]*")


def demanded(request: AnyRequest, header: str) -> list[tuple[str, bool]] | None:
    """Return the tags in *header*, and whether each is strong; None: there is none.

    `ANY` stands alone, and is strong.

    Raises:
        HttpError: 422, the header holds something else.

    """
    lines = request.headers.getall(header, [])
    text = ", ".join(lines).strip()
    if not lines:
        return None
    if text == ANY:
        return [(ANY, True)]
    tags = [(found[2], found[1] is None) for found in _TAG.finditer(text)]
    if not tags or not _BETWEEN.fullmatch(_TAG.sub("", text)):
        sentence = f"{header.title()} must be * or the ETags of files, in their quotes"
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
    return tags


def is_known(request: AnyRequest, tag: str) -> bool:
    """Tell whether who asks has what *tag* names already; weak ones will do."""
    try:
        known = demanded(request, "if-none-match") or ()
    except HttpError:
        return False
    opaque = tag.removeprefix("W/")
    return any(one in (ANY, opaque) for one, _ in known)
