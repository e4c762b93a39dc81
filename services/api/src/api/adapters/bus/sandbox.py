"""The sandbox service, asked over the bus how apps are kept apart and look."""

import time
from contextlib import suppress
from uuid import UUID

import msgspec
from typing_extensions import override

from api.ports.page import Apps
from contracts import codec, subjects
from contracts.sandbox import (
    GetIsolation,
    GetOpening,
    GetScreenshot,
    IsolationTold,
    OpeningTold,
    Screenshot,
)
from eventcore.ask import ask
from eventcore.errors import Unavailable
from eventcore.ports import Bus

_TIMEOUT_S = 1.0
_KNOWN_S = 60.0
_UNKNOWN_S = 5.0
"""Between two questions while nobody answers."""

_answers: msgspec.json.Decoder[IsolationTold] = codec.decoder(IsolationTold)
_openings: msgspec.json.Decoder[OpeningTold] = codec.decoder(OpeningTold)
_screenshots: msgspec.json.Decoder[Screenshot] = codec.decoder(Screenshot)


class BusApps(Apps):
    """Asks whichever controller is there, once in a while."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: IsolationTold | None = None
        self._ask_at = 0.0

    @override
    async def isolation(self) -> IsolationTold | None:
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + _UNKNOWN_S
            with suppress(Unavailable):
                self._told = await ask(
                    *(self._bus, subjects.ISOLATION, GetIsolation(), _answers),
                    timeout_s=_TIMEOUT_S,
                    traceparent=None,
                )
                self._ask_at = now + _KNOWN_S
        return self._told

    @override
    async def opening(self, project_id: UUID) -> str | None:
        subject, question = subjects.opening(project_id), GetOpening(project_id)
        with suppress(Unavailable):
            told = await ask(
                *(self._bus, subject, question, _openings),
                timeout_s=_TIMEOUT_S,
                traceparent=None,
            )
            return told.url
        return None

    @override
    async def screenshot(self, project_id: UUID) -> bytes | None:
        subject, question = subjects.screenshot(project_id), GetScreenshot(project_id)
        with suppress(Unavailable):
            told = await ask(
                *(self._bus, subject, question, _screenshots),
                timeout_s=_TIMEOUT_S,
                traceparent=None,
            )
            return told.jpeg
        return None
