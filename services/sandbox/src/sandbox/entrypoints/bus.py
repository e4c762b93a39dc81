"""Requests of drivers and recorded events, from the bus to the controller."""

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
    RunFailed,
    RunStopped,
    SettingsChanged,
)
from contracts.sandbox import (
    Failed,
    GetScreenshot,
    IsolationTold,
    SandboxAnswer,
    SandboxRequest,
    Screenshot,
)
from eventcore.ports import Bus, Headers, Subscription
from sandbox.application import metrics
from sandbox.application.controller import Controller
from sandbox.ports import Isolation

_log = logs.get(__name__)
_requests = codec.decoder(SandboxRequest)
_questions = codec.decoder(GetScreenshot)

_EVENTS = "evt.*.*"

_FOLLOWED = {
    str(kind.__struct_config__.tag)
    for kind in (
        *(FileWritten, FileDeleted, SettingsChanged),
        *(RunStopped, RunFailed, ProjectDeleted),
    )
}
"""Types of events that are worth decoding here."""

_UNREADABLE = Failed("The request cannot be read.")
_MISMATCH = Failed("The request names another project than its subject.")
_INTERNAL = Failed("The sandbox service failed; its log says why.")


async def serve(
    bus: Bus, controller: Controller, isolation: Isolation
) -> list[Subscription]:
    """Begin to answer drivers, to follow projects, and to say how apps are run."""
    told = codec.encode(
        IsolationTold(isolation.name, isolation.is_apart, isolation.summary)
    )

    async def handle(subject: str, body: bytes, headers: Headers) -> bytes:
        given = await answer(controller, subject, body, headers)
        metrics.ANSWERS.labels(str(given.__struct_config__.tag)).inc()
        return codec.encode(given)

    async def tell(_: str, __: bytes, ___: Headers) -> bytes:
        return told

    async def show(subject: str, body: bytes, _: Headers) -> bytes:
        return codec.encode(await shown(controller, subject, body))

    def listen(_: str, body: bytes, __: Headers) -> None:
        follow(controller, body)

    return [
        await bus.serve(subjects.SANDBOX, subjects.SANDBOX_QUEUE, handle),
        await bus.serve(subjects.ISOLATION, subjects.SANDBOX_QUEUE, tell),
        await bus.serve(subjects.SCREENSHOTS, subjects.SANDBOX_QUEUE, show),
        await bus.listen(_EVENTS, listen),
    ]


async def answer(
    controller: Controller, subject: str, body: bytes, headers: Headers
) -> SandboxAnswer:
    """Return the answer to one request, whatever it is."""
    try:
        request: SandboxRequest = _requests.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return _UNREADABLE
    if _project_of(subject) != request.project_id:
        return _MISMATCH
    try:
        # Asked again and again until it is over: the span is of the operation itself.
        with (
            tracing.under(headers.get("traceparent")),
            logs.bound(project=request.project_id, operation=request.key),
        ):
            return await controller.answer(request)
    except Exception:  # noqa: BLE001 - the next request may be a good one
        _log.exception("a request failed")
        return _INTERNAL


async def shown(controller: Controller, subject: str, body: bytes) -> Screenshot:
    """Return how an app looked last; nothing, where it cannot be told."""
    try:
        asked: GetScreenshot = _questions.decode(body)
        if _project_of(subject) == asked.project_id:
            return await controller.screenshot(asked.project_id)
    except (ValueError, RecursionError, OSError) as exc:
        _log.warning("a screenshot cannot be shown", reason=str(exc))
    return Screenshot(None)


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
        case ProjectDeleted():
            return controller.deleted
        case _:
            return None
