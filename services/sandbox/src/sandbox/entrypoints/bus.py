"""Requests of drivers and recorded events, from the bus to the controller."""

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import UUID

import msgspec

from chassis import logs, tracing
from contracts import codec, subjects
from contracts.envelope import Recorded
from contracts.project import (
    FileDeleted,
    FileWritten,
    ProjectDeleted,
    ProjectErased,
    RunFailed,
    RunStopped,
    SettingsChanged,
)
from contracts.sandbox import (
    Failed,
    GetOpening,
    GetScreenshot,
    IsolationTold,
    OpeningTold,
    Pending,
    SandboxAnswer,
    SandboxRequest,
    Screenshot,
)
from eventcore.ask import ask
from eventcore.errors import Unavailable
from eventcore.ports import Bus, Headers, Subscription
from sandbox.application import metrics
from sandbox.application.controller import Controller
from sandbox.domain.previews import pages
from sandbox.ports import Isolation, Owner

_log = logs.get(__name__)
_requests = codec.decoder(SandboxRequest)
_questions = codec.decoder(GetScreenshot)
_openings = codec.decoder(GetOpening)

_answers = codec.decoder(SandboxAnswer)

_EVENTS = "evt.*.*"
_PEER_S = 3.0
"""Less than whoever asks us waits, and more than an operation lets us wait."""
_LATER_S = 0.5

_FOLLOWED = {
    str(kind.__struct_config__.tag)
    for kind in (
        *(FileWritten, FileDeleted, SettingsChanged),
        *(RunStopped, RunFailed, ProjectDeleted, ProjectErased),
    )
}
"""Types of events that are worth decoding here."""

_UNREADABLE = Failed("The request cannot be read.")
_MISMATCH = Failed("The request names another project than its subject.")
_INTERNAL = Failed("The sandbox service failed; its log says why.")


async def serve(
    bus: Bus, controller: Controller, isolation: Isolation, me: UUID | None
) -> list[Subscription]:
    """Begin to answer drivers, to follow projects, and to say how apps are run."""
    told = codec.encode(
        IsolationTold(isolation.name, isolation.is_apart, isolation.summary)
    )

    async def handle(subject: str, body: bytes, headers: Headers) -> bytes:
        given = await answer(controller, bus, subject, body, headers)
        metrics.ANSWERS.labels(str(given.__struct_config__.tag)).inc()
        return codec.encode(given)

    async def stand_in(subject: str, body: bytes, headers: Headers) -> bytes:
        # Nobody asks a second time: who has it by now is found by the next question.
        *_, project, verb = subject.split(".")
        own = f"sandbox.{project}.{verb}"
        return codec.encode(await answer(controller, None, own, body, headers))

    async def tell(_: str, __: bytes, ___: Headers) -> bytes:
        return told

    async def open_(subject: str, body: bytes, _: Headers) -> bytes:
        return codec.encode(opening(controller, subject, body))

    async def show(subject: str, body: bytes, _: Headers) -> bytes:
        return codec.encode(await shown(controller, subject, body))

    def listen(_: str, body: bytes, __: Headers) -> None:
        follow(controller, body)

    peers = [] if me is None else [f"peer.{me}.*.*"]
    return [
        await bus.serve(subjects.SANDBOX, subjects.SANDBOX_QUEUE, handle),
        *[await bus.serve(own, subjects.SANDBOX_QUEUE, stand_in) for own in peers],
        await bus.serve(subjects.ISOLATION, subjects.SANDBOX_QUEUE, tell),
        await bus.serve(subjects.SCREENSHOTS, subjects.SANDBOX_QUEUE, show),
        await bus.serve(subjects.OPENINGS, subjects.SANDBOX_QUEUE, open_),
        await bus.listen(_EVENTS, listen),
    ]


async def answer(
    controller: Controller,
    peers: Bus | None,
    subject: str,
    body: bytes,
    headers: Headers,
) -> SandboxAnswer:
    """Return the answer to one request, whatever it is.

    Another controller that has the project is asked over *peers*; without them the
    answer is that it is to be asked for again.
    """
    try:
        request: SandboxRequest = _requests.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _UNREADABLE
    if _project_of(subject) != request.project_id:
        return _MISMATCH
    try:
        owner = await controller.owner(request.project_id)
        if owner is not None:
            return await _asked(peers, owner, request, headers)
        # Asked again and again until it is over: the span is of the operation itself.
        with (
            tracing.under(headers.get("traceparent")),
            logs.bound(project=request.project_id, operation=request.key),
        ):
            return await controller.answer(request)
    except Unavailable:
        return await _later()
    except Exception:  # noqa: BLE001 - the next request may be a good one
        _log.exception("a request failed")
        return _INTERNAL


async def _asked(
    peers: Bus | None, owner: Owner, request: SandboxRequest, headers: Headers
) -> SandboxAnswer:
    """Return what the controller says that has the project."""
    if peers is None:
        return await _later()
    verb = codec.tag(request.operation)
    given: SandboxAnswer = await ask(
        peers,
        subjects.peer(owner.id, request.project_id, verb),
        request,
        _answers,
        timeout_s=_PEER_S,
        traceparent=headers.get("traceparent"),
    )
    return given


async def _later() -> SandboxAnswer:
    """Say that it is to be asked for again: a lease ends, or the bus comes back."""
    await asyncio.sleep(_LATER_S)
    return Pending()


async def shown(controller: Controller, subject: str, body: bytes) -> Screenshot:
    """Return how an app looked last; nothing, where it cannot be told."""
    try:
        asked: GetScreenshot = _questions.decode(body)
        if _project_of(subject) == asked.project_id:
            return await controller.screenshot(asked.project_id)
    except (ValueError, RecursionError, OSError) as exc:
        _log.warning("a screenshot cannot be shown", reason=str(exc))
    return Screenshot(None)


def opening(controller: Controller, subject: str, body: bytes) -> OpeningTold | Failed:
    """Return where an app will be seen; any controller can tell."""
    try:
        asked: GetOpening = _openings.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _UNREADABLE
    if _project_of(subject) != asked.project_id:
        return _MISMATCH
    return OpeningTold(f"{controller.url_of(asked.project_id)}{pages.OPENING[1:]}")


def _project_of(subject: str) -> UUID | None:
    try:
        return UUID(subject.split(".")[1])
    except (IndexError, ValueError):
        return None


def follow(controller: Controller, body: bytes) -> None:
    """Do what the events of one message call for."""
    try:
        batch = codec.decode_batch(body)
    except codec.Undecodable:
        _log.warning("a message on evt.> cannot be read")
        return
    for recorded in batch:
        action = _action_for(controller, recorded)
        if action is not None:
            action(recorded.project_id)


def _action_for(
    controller: Controller, recorded: Recorded
) -> Callable[[UUID], None] | None:
    if recorded.type not in _FOLLOWED:
        return None
    try:
        event = codec.decode_event(recorded.type, recorded.data)
    except codec.Undecodable:
        _log.warning("an event cannot be read", type=recorded.type)
        return None
    match event:
        case (
            FileWritten(author="user") | FileDeleted(author="user") | SettingsChanged()
        ):
            return controller.edited
        case RunStopped(run_id) | RunFailed(run_id):
            return partial(controller.run_ended, run_id)
        case ProjectDeleted() | ProjectErased():
            return controller.deleted
        case _:
            return None
