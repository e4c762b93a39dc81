"""Recorded events as clients see them: one message each, with its seq.

The WebSocket, REST, server-sent events and webhooks all tell a project's events in
these words. What only the inside needs is left out, the values of secrets among it.
"""

from functools import singledispatch
from typing import get_args

from msgspec import Raw
from msgspec.structs import replace

from contracts import browser, codec, project, requests
from contracts.envelope import Recorded

RECORDED_TYPES: tuple[str, ...] = tuple(
    str(kind.__struct_config__.tag)
    for kind in get_args(browser.AnyServerMessage)
    if issubclass(kind, browser.RecordedMessage)
)
"""Types of the messages that stand for recorded events."""


def event_of(recorded: Recorded) -> codec.AnyEvent:
    """Return the event in *recorded*; one that cannot be read is an unknown one."""
    try:
        return codec.decode_event(recorded.type, recorded.data)
    except codec.Undecodable:
        return codec.UnknownEvent(recorded.type, recorded.data)


def without_secrets(recorded: Recorded) -> Recorded:
    """Return *recorded* as a service outside may have it: variables without values."""
    event = event_of(recorded)
    if not isinstance(event, project.SettingsChanged):
        return recorded
    shown = project.SettingsChanged(settings_without_secrets(event.settings))
    return replace(recorded, data=Raw(codec.encode(shown)))


def for_outside(
    answer: requests.CommandAnswer | requests.QueryAnswer,
) -> requests.CommandAnswer | requests.QueryAnswer:
    """Return *answer* as a service outside may have it."""
    match answer:
        case requests.Accepted(_, view):
            return replace(answer, project=_view_without_secrets(view))
        case requests.ProjectAnswer(view):
            return replace(answer, project=_view_without_secrets(view))
        case requests.History(events):
            return replace(answer, events=[without_secrets(one) for one in events])
        case requests.Manifest(variables=variables):
            return replace(answer, variables=dict.fromkeys(variables, ""))
        case _:
            return answer


def _view_without_secrets(view: requests.ProjectView) -> requests.ProjectView:
    return replace(view, settings=settings_without_secrets(view.settings))


def settings_without_secrets(
    settings: project.ProjectSettings,
) -> project.ProjectSettings:
    """Return *settings* with the names of the app's variables alone."""
    return replace(settings, variables=dict.fromkeys(settings.variables, ""))


@singledispatch
def message(event: codec.AnyEvent, seq: int) -> browser.RecordedMessage:
    """Return the message that stands for *event*, at *seq* of its project's log.

    An event that this version does not know still takes its place: clients count.
    """
    del event
    return browser.UnknownEvent(seq=seq)


@message.register
def _(event: project.ProjectCreated, seq: int) -> browser.RecordedMessage:
    data = browser.ProjectInfoData(event.name, event.description)
    return browser.ProjectCreated(seq=seq, data=data)


@message.register
def _(event: project.ProjectUpdated, seq: int) -> browser.RecordedMessage:
    data = browser.ProjectInfoData(event.name, event.description)
    return browser.ProjectUpdated(seq=seq, data=data)


@message.register
def _(event: project.ProjectDeleted, seq: int) -> browser.RecordedMessage:
    del event
    return browser.ProjectDeleted(seq=seq)


@message.register
def _(event: project.ProjectErased, seq: int) -> browser.RecordedMessage:
    del event  # nobody outside hears it: sockets, streams and grants have ended
    return browser.UnknownEvent(seq=seq)


@message.register
def _(event: project.MessagePosted, seq: int) -> browser.RecordedMessage:
    images = [
        browser.ImageInfo(image.media_type, len(image.data)) for image in event.images
    ]
    data = browser.MessagePostedData(str(event.message_id), event.content, images)
    return browser.MessagePosted(seq=seq, data=data)


@message.register
def _(event: project.RunStarted, seq: int) -> browser.RecordedMessage:
    data = browser.RunStartedData(str(event.run_id), event.prompt)
    return browser.RunStarted(seq=seq, data=data)


@message.register
def _(event: project.StateChanged, seq: int) -> browser.RecordedMessage:
    return browser.StateUpdate(
        seq=seq,
        data=browser.StateUpdateData(
            current_state=event.state,
            current_phase=event.current_phase,
            total_phases=event.total_phases,
            generated_files=event.generated_files,
            preview_url=event.preview_url,
            version=seq,
        ),
    )


@message.register
def _(event: project.ModelCallStarted, seq: int) -> browser.RecordedMessage:
    data = browser.ModelCallData(
        event.purpose, event.phase_index, event.attempt, event.model
    )
    return browser.ModelCallStarted(seq=seq, data=data)


@message.register
def _(event: project.ModelCallEnded, seq: int) -> browser.RecordedMessage:
    data = browser.ModelCallData(
        purpose=event.purpose,
        phase_index=event.phase_index,
        attempt=event.attempt,
        model=event.model,
        outcome=event.outcome,
        prompt_tokens=event.usage.prompt_tokens,
        completion_tokens=event.usage.completion_tokens,
        cost_usd=event.usage.cost_usd,
        estimated=event.usage.estimated,
        retry_at=event.retry_at,
    )
    return browser.ModelCallEnded(seq=seq, data=data)


@message.register
def _(event: project.ModelCallCounted, seq: int) -> browser.RecordedMessage:
    data = browser.ModelCallData(
        purpose=event.purpose,
        phase_index=event.phase_index,
        attempt=event.attempt,
        model=event.model,
        prompt_tokens=event.usage.prompt_tokens,
        completion_tokens=event.usage.completion_tokens,
        cost_usd=event.usage.cost_usd,
        estimated=event.usage.estimated,
    )
    return browser.ModelCallCounted(seq=seq, data=data)


@message.register
def _(event: project.PhaseDesigned, seq: int) -> browser.RecordedMessage:
    return browser.PhaseStart(
        seq=seq,
        data=browser.PhaseStartData(
            phase_index=event.phase_index,
            name=event.name,
            description=event.description,
            files=[browser.PhaseFile(file.path, file.purpose) for file in event.files],
            is_last_phase=event.is_last_phase,
        ),
    )


@message.register
def _(event: project.PhaseImplemented, seq: int) -> browser.RecordedMessage:
    data = browser.PhaseEndData(event.phase_index, event.name, event.files)
    return browser.PhaseEnd(seq=seq, data=data)


@message.register
def _(event: project.FileWritten, seq: int) -> browser.RecordedMessage:
    data = browser.FileEndData(event.path, event.content, event.encoding, event.author)
    return browser.FileEnd(seq=seq, data=data)


@message.register
def _(event: project.PackagesRequested, seq: int) -> browser.RecordedMessage:
    data = browser.PackagesRequestedData(event.argv)
    return browser.PackagesRequested(seq=seq, data=data)


@message.register
def _(event: project.FilesSynced, seq: int) -> browser.RecordedMessage:
    return browser.FilesWritten(seq=seq, data=browser.FilesWrittenData(event.count))


@message.register
def _(event: project.DependenciesInstalled, seq: int) -> browser.RecordedMessage:
    del event
    return browser.DepsInstalled(seq=seq)


@message.register
def _(event: project.ServerStarted, seq: int) -> browser.RecordedMessage:
    return browser.ServerStarted(seq=seq, data=browser.ServerStartedData(event.url))


@message.register
def _(event: project.RunCompleted, seq: int) -> browser.RecordedMessage:
    data = browser.GenerationCompleteData(event.files, event.phases)
    return browser.GenerationComplete(seq=seq, data=data)


@message.register
def _(event: project.RunFailed, seq: int) -> browser.RecordedMessage:
    data = browser.GenerationErrorData(event.message)
    return browser.GenerationError(seq=seq, data=data)


@message.register
def _(event: project.RunStopped, seq: int) -> browser.RecordedMessage:
    data = browser.RunStoppedData(str(event.run_id))
    return browser.RunStopped(seq=seq, data=data)


@message.register
def _(event: project.AssistantReplied, seq: int) -> browser.RecordedMessage:
    data = browser.AssistantMessageData(str(event.message_id), event.content)
    return browser.AssistantMessage(seq=seq, data=data)


@message.register
def _(event: project.SettingsChanged, seq: int) -> browser.RecordedMessage:
    settings = event.settings
    data = browser.SettingsChangedData(
        design_models=settings.design_models,
        write_models=settings.write_models,
        locked_paths=settings.locked_paths,
        max_run_cost_usd=settings.max_run_cost_usd,
        max_project_cost_usd=settings.max_project_cost_usd,
        max_run_tokens=settings.max_run_tokens,
        variables=sorted(settings.variables),
    )
    return browser.SettingsChanged(seq=seq, data=data)


@message.register
def _(event: project.FileDeleted, seq: int) -> browser.RecordedMessage:
    data = browser.FileDeletedData(event.path, event.author)
    return browser.FileDeleted(seq=seq, data=data)


@message.register
def _(event: project.FileConflict, seq: int) -> browser.RecordedMessage:
    data = browser.FileConflictData(
        event.path, event.content, event.reason, event.encoding
    )
    return browser.FileConflict(seq=seq, data=data)


@message.register
def _(event: project.ProblemsReported, seq: int) -> browser.RecordedMessage:
    problems = [
        browser.ProblemData(one.source, one.message, one.path, one.line)
        for one in event.problems
    ]
    data = browser.ProblemsReportedData(problems)
    return browser.ProblemsReported(seq=seq, data=data)


@message.register
def _(event: project.AccessGranted, seq: int) -> browser.RecordedMessage:
    data = browser.AccessGrantedData(event.service, event.access)
    return browser.AccessGranted(seq=seq, data=data)


@message.register
def _(event: project.AccessRevoked, seq: int) -> browser.RecordedMessage:
    data = browser.AccessRevokedData(event.service)
    return browser.AccessRevoked(seq=seq, data=data)
