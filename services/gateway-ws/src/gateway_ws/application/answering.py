"""What a client says, and the frame that answers it; a mistake closes no socket."""

from collections.abc import Callable
from typing import assert_never
from uuid import UUID

from contracts import browser, codec
from contracts.project import PostMessage, ProjectCommand, StartRun, StopRun
from gateway_ws.application import metrics
from gateway_ws.domain import frames
from gateway_ws.domain.inbound import InvalidFrame, parse
from gateway_ws.ports import Projects, Refused, Unavailable

_BUSY = "Atelier could not do that just now; please try again."


async def answer(
    frame: bytes,
    projects: Projects,
    user_id: UUID,
    project_id: UUID,
    new_id: Callable[[], UUID],
) -> bytes:
    """Return the answer to one frame of a user about a project."""
    try:
        message = parse(frame)
        metrics.MESSAGES_IN.labels(codec.tag(message)).inc()
        match message:
            case browser.GetState():
                view = await projects.view(user_id, project_id)
            case browser.GetPreviewUrl():
                return frames.preview_url(await projects.view(user_id, project_id))
            case _:
                command = _command(message, new_id)
                view = await projects.command(user_id, project_id, command)
        return frames.state_update(view)
    except InvalidFrame as error:
        return refusal(error.code, error.message)
    except Refused as error:
        return refusal(_public_code(error.code), error.message)
    except Unavailable:
        return refusal("internal_error", _BUSY)


def refusal(code: str, message: str) -> bytes:
    """Return the frame that refuses something, and count it."""
    metrics.REFUSED.labels(code).inc()
    return frames.error(code, message)


def _command(
    message: browser.StartGeneration | browser.StopGeneration | browser.UserMessage,
    new_id: Callable[[], UUID],
) -> ProjectCommand:
    match message:
        case browser.StartGeneration(data=data):
            return StartRun(new_id(), data.prompt, data.model, data.max_phases)
        case browser.StopGeneration():
            return StopRun()
        case browser.UserMessage(data=said):
            images = [image.image() for image in said.images]
            return PostMessage(new_id(), new_id(), said.content, images)
        case _:
            assert_never(message)


def _public_code(code: str) -> str:
    """Return a refusal's code as the WebSocket contract names it."""
    if code == "project_not_found":
        return "project_access_denied"
    return "internal_error" if code == "unavailable" else code
