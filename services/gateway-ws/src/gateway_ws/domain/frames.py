"""How events, progress and answers look on the WebSocket."""

from datetime import datetime

from msgspec.structs import replace

from contracts import browser, codec, progress, public
from contracts.requests import ProjectView

event_of = public.event_of


def event_frame(event: codec.AnyEvent, seq: int, at: datetime) -> bytes:
    """Return the one message that stands for *event*, with its seq and its time.

    An event that this version does not know, or cannot read, still takes its place:
    clients count.
    """
    return codec.encode(replace(public.message(event, seq), at=at))


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
