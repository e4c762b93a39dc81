"""Public repositories of git, fetched over HTTPS (gitprotocol-http, version 0).

What git and its libraries would follow is not followed: no redirect, no address of
somebody's own network, no credentials. Two requests: which commits there are, and a
pack with one of them and nothing of its past.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

from dulwich.protocol import pkt_line
from typing_extensions import override

from api.adapters.outbound import Outbound
from api.domain.intake import Unfit
from api.ports import Repositories, Undeliverable

MAX_PACK_BYTES = 32 << 20
_MAX_REFS_BYTES = 8 << 20
_FETCH_S = 60.0
_AGENT = "git/2.0 (Atelier)"
_SERVICE = "git-upload-pack"
_SHA = re.compile(r"[0-9a-f]{40}")
_HEAD_CHARS = 4
"""Of each line, that say how long it is."""
_DATA, _PROGRESS, _FATAL = 1, 2, 3
"""Channels of a pack on its way."""
_NOT_GIT = "The address does not answer as a repository of git does"


class HttpRepositories(Repositories):
    """Speaks the protocol itself, over connections to addresses that were checked."""

    def __init__(self, web: Outbound) -> None:
        self._web = web

    @override
    async def fetch(self, url: str, ref: str | None) -> tuple[str, bytes]:
        url = url.rstrip("/")
        advertised = await self._ask(
            "GET", f"{url}/info/refs?service={quote(_SERVICE)}", b"", _MAX_REFS_BYTES
        )
        head, abilities = _chosen(advertised, ref)
        answer = await self._ask(
            "POST", f"{url}/{_SERVICE}", _wanting(head, abilities), MAX_PACK_BYTES
        )
        pack = b"".join(_pack(answer))
        if not pack.startswith(b"PACK"):
            raise Unfit(_NOT_GIT)
        return head, pack

    async def _ask(self, method: str, url: str, body: bytes, max_bytes: int) -> bytes:
        headers = {
            "user-agent": _AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",  # nothing may expand on its way
        }
        if body:
            headers["content-type"] = f"application/x-{_SERVICE}-request"
        try:
            status, answer = await self._web.fetch(
                *(method, url, body, headers),
                max_bytes=max_bytes,
                timeout_s=_FETCH_S,
            )
        except Undeliverable as error:
            raise Unfit(f"The repository cannot be reached: {error}") from error
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise Unfit("The address leads to another one: use that one")
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unfit("There is no repository at this address that is open to all")
        if status != HTTPStatus.OK:
            raise Unfit(f"The server of the repository answers with {status}")
        return answer


def _chosen(advertised: bytes, ref: str | None) -> tuple[str, frozenset[str]]:
    """Return the commit that *ref* leads to, and what the server is able to do."""
    names: dict[str, str] = {}
    abilities: frozenset[str] = frozenset()
    for line in _lines(advertised):
        text = line.decode("utf-8", "replace").rstrip("\n")
        text, _, said = text.partition("\0")
        if said:
            abilities = frozenset(said.split(" "))
        id_, _, name = text.partition(" ")
        if _SHA.fullmatch(id_):
            names[name] = id_
    if "side-band-64k" not in abilities:
        raise Unfit(
            _NOT_GIT if not names else "The server of the repository is too old"
        )
    wanted = ["HEAD"] if ref is None else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    for name in wanted:
        if name in names:
            return names[name], abilities
    raise Unfit(
        "The repository is empty"
        if ref is None
        else f"The repository has no branch and no tag {ref[:100]}"
    )


def _wanting(head: str, abilities: frozenset[str]) -> bytes:
    """Return the request for *head*, if possible without its past."""
    # Some servers insist on thin packs; there is nothing here that one could lack.
    able = ("side-band-64k", "ofs-delta", "thin-pack")
    mine = [one for one in able if one in abilities]
    lines: list[bytes | None] = [f"want {head} {' '.join(mine)}\n".encode()]
    if "shallow" in abilities:
        lines.append(b"deepen 1\n")
    return b"".join(map(pkt_line, [*lines, None, b"done\n"]))


def _pack(answer: bytes) -> Iterator[bytes]:
    """Yield the pieces of a pack.

    Raises:
        Unfit: The server says that something is wrong.

    """
    for line in _lines(answer):
        if line.startswith((b"shallow ", b"unshallow ", b"NAK", b"ACK ")):
            continue
        if line.startswith(b"ERR ") or line[:1] == bytes([_FATAL]):
            raise Unfit("The server of the repository refuses to send it")
        if line[:1] == bytes([_DATA]):
            yield line[1:]


def _lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines of the protocol, without those that only separate others.

    Raises:
        Unfit: They are none.

    """
    at = 0
    while at < len(data):
        try:
            length = int(data[at : at + _HEAD_CHARS], 16)
        except ValueError as error:
            raise Unfit(_NOT_GIT) from error
        if length > _HEAD_CHARS:
            if at + length > len(data):
                raise Unfit("What the server has sent is not whole")
            yield data[at + _HEAD_CHARS : at + length]
        at += max(length, _HEAD_CHARS)
