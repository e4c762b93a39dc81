"""Archives, each read by a process of its own under limits."""

import asyncio
import sys

import msgspec
from typing_extensions import override

from api.adapters.archives.unpacking import Answer
from api.application.waiting import WaitingRoom
from api.domain.intake import Taken, Unfit
from api.ports import Unpacker
from chassis import logs

_LIMIT_S = 40.0
"""For one archive; it may spend less than that on computing."""
_TOO_MUCH = "It cannot be unpacked: it is damaged, or expands beyond all measure"

_log = logs.get(__name__)
_answers = msgspec.msgpack.Decoder(Answer)


class ProcessUnpacker(Unpacker):
    """Starts ``python -m api.adapters.archives.unpacking``, a few at a time."""

    def __init__(self) -> None:
        self._room = WaitingRoom()

    @override
    async def unzip(self, data: bytes) -> Taken:
        return await self._read(data, "zip")

    @override
    async def check_out(self, pack: bytes, head: str) -> Taken:
        return await self._read(pack, "git", head)

    async def _read(self, data: bytes, *words: str) -> Taken:
        async with self._room.turn():
            said = await _run(data, words)
        try:
            answer = _answers.decode(said)
        except msgspec.MsgspecError as error:
            raise Unfit(_TOO_MUCH) from error
        if answer.taken is None:
            raise Unfit(answer.unfit or _TOO_MUCH)
        return answer.taken


async def _run(data: bytes, words: tuple[str, ...]) -> bytes:
    """Return what the process says; nothing where it was ended, or ended itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "api.adapters.archives.unpacking", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            said, _ = await process.communicate(data)
    except TimeoutError:
        said = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        _log.warning("an archive was given up", status=process.returncode)
        return b""
    return said
