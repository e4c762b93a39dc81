"""The sandbox service, asked over the bus."""

from typing_extensions import override

from agent.ports import Sandbox
from contracts import codec, subjects
from contracts.sandbox import SandboxAnswer, SandboxRequest
from eventcore.ask import ask
from eventcore.ports import Bus

TIMEOUT_S = 4.0
"""For one question, which is answered within half of it, be it that the operation goes
on: whoever took it and says nothing is gone, and another one is asked."""

_answers = codec.decoder(SandboxAnswer)


class BusSandbox(Sandbox):
    """Whichever controller of the queue group is free answers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @override
    async def ask(
        self, request: SandboxRequest, traceparent: str | None
    ) -> SandboxAnswer:
        verb = str(request.operation.__struct_config__.tag)
        answer: SandboxAnswer = await ask(
            self._bus,
            subjects.sandbox(request.project_id, verb),
            request,
            _answers,
            timeout_s=TIMEOUT_S,
            traceparent=traceparent,
        )
        return answer
