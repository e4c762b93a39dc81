"""A typed question on the bus: one message out, one message back."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from contracts import codec
from eventcore.errors import Unavailable
from eventcore.ports import Requests

T = TypeVar("T")


async def ask(
    bus: Requests,
    subject: str,
    request: Struct,
    decoder: msgspec.json.Decoder[T],
    *,
    timeout_s: float,
    traceparent: str | None,
) -> T:
    """Return the answer to *request*, read by *decoder*.

    Raises:
        Unavailable: Nobody listens, no answer came in time, or it is not an answer.

    """
    body = codec.encode(request)
    answer = await bus.request(
        subject, body, timeout_s=timeout_s, traceparent=traceparent
    )
    try:
        return decoder.decode(answer)
    except codec.Malformed as error:
        raise Unavailable(f"the answer on {subject} is not understood") from error
