"""A language model whose calls are timed and seen in traces."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from typing_extensions import override

from agent.application import metrics
from agent.ports import Model, ModelCall, Piece
from chassis import tracing


class MeasuredModel(Model):
    """Another model, beside a clock."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @override
    async def answer(self, call: ModelCall) -> AsyncGenerator[Piece, None]:
        purpose = "implement" if call.schema is None else "design"
        began_at, begun = time.time(), time.perf_counter()
        first_s: float | None = None
        try:
            async with aclosing(self._model.answer(call)) as pieces:
                async for piece in pieces:
                    if first_s is None and isinstance(piece, str):
                        first_s = time.perf_counter() - begun
                        metrics.FIRST_TEXT.labels(purpose).observe(first_s)
                    yield piece
        finally:
            took_s = time.perf_counter() - begun
            metrics.CALL_SECONDS.labels(purpose).observe(took_s)
            # A span that is open while others act would seem to be theirs.
            tracing.record(
                *("ModelCall", tracing.current(), began_at),
                model=call.model,
                purpose=purpose,
                first_text_s=-1.0 if first_s is None else first_s,
            )
