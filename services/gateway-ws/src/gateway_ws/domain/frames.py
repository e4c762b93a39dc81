"""How events, progress and answers look on the WebSocket."""

from datetime import datetime
from functools import singledispatch

from msgspec.structs import replace

from contracts import browser, codec, progress, project
from contracts.envelope import Recorded
from contracts.requests import ProjectView


def event_of(recorded: Recorded) -> codec.AnyEvent:
    """Return the event in *recorded*; one that cannot be read is an unknown one."""
    try:
        return codec.decode_event(recorded.type, recorded.data)
    except codec.Undecodable:
        return codec.UnknownEvent(recorded.type, recorded.data)


def event_frame(event: codec.AnyEvent, seq: int, at: datetime) -> bytes:
    """Return the one message that stands for *event*, with its seq and its time.

    An event that this version does not know, or cannot read, still takes its place:
    clients count.
    """
    return codec.encode(replace(_message(event, seq), at=at))


def state_update(view: ProjectView) -> bytes:
    """Return the answer to ``get_state``."""
    return codec.encode(
        browser.StateUpdate(
            data=browser.StateUpdateData(
                current_state=view.state,
                current_phase=view.current_phase,
                total_phases=view.total_phases,
                generated_files=view.generated_files,
                preview_url=view.preview_url,
                version=view.version,
            )
        )
    )


def preview_url(view: ProjectView) -> bytes:
    """Return the answer to ``get_preview_url``."""
    data = browser.PreviewUrlData(preview_url=view.preview_url)
    return codec.encode(browser.PreviewUrl(data=data))


def connected(project_id: str) -> bytes:
    """Return the first message of a connection."""
    data = browser.ConnectedData(project_id=project_id)
    return codec.encode(browser.AgentConnected(data=data))


def error(code: str, message: str) -> bytes:
    """Return the answer to something that is refused."""
    return codec.encode(browser.Error(data=browser.ErrorData(code, message)))


def text_frame(message: progress.FileStarted | progress.FileText) -> bytes:
    """Return a file's beginning, or more of it."""
    if isinstance(message, progress.FileStarted):
        data = browser.FileStartData(path=message.path)
        return codec.encode(browser.FileStart(data=data))
    chunk = browser.FileChunkData(path=message.path, chunk=message.text)
    return codec.encode(browser.FileChunk(data=chunk))


def log_frame(message: progress.SandboxLog) -> bytes:
    """Return lines of the sandbox's output."""
    data = browser.SandboxLogData(type=message.stream, content=message.content)
    return codec.encode(browser.SandboxLog(data=data))


def reply_frame(message: progress.ReplyText) -> bytes:
    """Return more of the agent's answer in the conversation."""
    data = browser.AssistantChunkData(
        message_id=str(message.message_id), offset=message.offset, chunk=message.text
    )
    return codec.encode(browser.AssistantChunk(data=data))


@singledispatch
def _message(event: codec.AnyEvent, seq: int) -> browser.RecordedMessage:
    """Return the browser's message for *event*."""
    del event
    return browser.UnknownEvent(seq=seq)


@_message.register
def _(event: project.ProjectCreated, seq: int) -> browser.RecordedMessage:
    data = browser.ProjectInfoData(event.name, event.description)
    return browser.ProjectCreated(seq=seq, data=data)


@_message.register
def _(event: project.ProjectUpdated, seq: int) -> browser.RecordedMessage:
    data = browser.ProjectInfoData(event.name, event.description)
    return browser.ProjectUpdated(seq=seq, data=data)


@_message.register
def _(event: project.ProjectDeleted, seq: int) -> browser.RecordedMessage:
    del event
    return browser.ProjectDeleted(seq=seq)


@_message.register
def _(event: project.MessagePosted, seq: int) -> browser.RecordedMessage:
    images = [
        browser.ImageInfo(image.media_type, len(image.data)) for image in event.images
    ]
    data = browser.MessagePostedData(str(event.message_id), event.content, images)
    return browser.MessagePosted(seq=seq, data=data)


@_message.register
def _(event: project.RunStarted, seq: int) -> browser.RecordedMessage:
    data = browser.RunStartedData(str(event.run_id), event.prompt)
    return browser.RunStarted(seq=seq, data=data)


@_message.register
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


@_message.register
def _(event: project.ModelCallStarted, seq: int) -> browser.RecordedMessage:
    data = browser.ModelCallData(
        event.purpose, event.phase_index, event.attempt, event.model
    )
    return browser.ModelCallStarted(seq=seq, data=data)


@_message.register
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
    )
    return browser.ModelCallEnded(seq=seq, data=data)


@_message.register
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


@_message.register
def _(event: project.PhaseImplemented, seq: int) -> browser.RecordedMessage:
    data = browser.PhaseEndData(event.phase_index, event.name, event.files)
    return browser.PhaseEnd(seq=seq, data=data)


@_message.register
def _(event: project.FileWritten, seq: int) -> browser.RecordedMessage:
    data = browser.FileEndData(event.path, event.content, event.encoding, event.author)
    return browser.FileEnd(seq=seq, data=data)


@_message.register
def _(event: project.PackagesRequested, seq: int) -> browser.RecordedMessage:
    data = browser.PackagesRequestedData(event.argv)
    return browser.PackagesRequested(seq=seq, data=data)


@_message.register
def _(event: project.FilesSynced, seq: int) -> browser.RecordedMessage:
    return browser.FilesWritten(seq=seq, data=browser.FilesWrittenData(event.count))


@_message.register
def _(event: project.DependenciesInstalled, seq: int) -> browser.RecordedMessage:
    del event
    return browser.DepsInstalled(seq=seq)


@_message.register
def _(event: project.ServerStarted, seq: int) -> browser.RecordedMessage:
    return browser.ServerStarted(seq=seq, data=browser.ServerStartedData(event.url))


@_message.register
def _(event: project.RunCompleted, seq: int) -> browser.RecordedMessage:
    data = browser.GenerationCompleteData(event.files, event.phases)
    return browser.GenerationComplete(seq=seq, data=data)


@_message.register
def _(event: project.RunFailed, seq: int) -> browser.RecordedMessage:
    data = browser.GenerationErrorData(event.message)
    return browser.GenerationError(seq=seq, data=data)


@_message.register
def _(event: project.RunStopped, seq: int) -> browser.RecordedMessage:
    data = browser.RunStoppedData(str(event.run_id))
    return browser.RunStopped(seq=seq, data=data)


@_message.register
def _(event: project.AssistantReplied, seq: int) -> browser.RecordedMessage:
    data = browser.AssistantMessageData(str(event.message_id), event.content)
    return browser.AssistantMessage(seq=seq, data=data)


@_message.register
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


@_message.register
def _(event: project.FileDeleted, seq: int) -> browser.RecordedMessage:
    data = browser.FileDeletedData(event.path, event.author)
    return browser.FileDeleted(seq=seq, data=data)


@_message.register
def _(event: project.FileConflict, seq: int) -> browser.RecordedMessage:
    data = browser.FileConflictData(
        event.path, event.content, event.reason, event.encoding
    )
    return browser.FileConflict(seq=seq, data=data)


@_message.register
def _(event: project.ProblemsReported, seq: int) -> browser.RecordedMessage:
    problems = [
        browser.ProblemData(one.source, one.message, one.path, one.line)
        for one in event.problems
    ]
    data = browser.ProblemsReportedData(problems)
    return browser.ProblemsReported(seq=seq, data=data)


@_message.register
def _(event: project.AccessGranted, seq: int) -> browser.RecordedMessage:
    data = browser.AccessGrantedData(event.service, event.access)
    return browser.AccessGranted(seq=seq, data=data)


@_message.register
def _(event: project.AccessRevoked, seq: int) -> browser.RecordedMessage:
    return browser.AccessRevoked(seq=seq, data=browser.AccessRevokedData(event.service))
