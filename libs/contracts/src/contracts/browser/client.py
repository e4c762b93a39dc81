"""What clients say."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from contracts.browser.frame import ClientMessage, Data, NoData
from contracts.project import MAX_IMAGES, Image


class GetState(ClientMessage, frozen=True, tag="get_state"):
    """Answered with ``state_update``."""

    data: NoData = NoData()


class GetPreviewUrl(ClientMessage, frozen=True, tag="get_preview_url"):
    """Answered with ``preview_url``."""

    data: NoData = NoData()


class StartGenerationData(Data, frozen=True):
    """Without a prompt the project's description is built."""

    prompt: Annotated[str, Meta(max_length=20_000)] | None = None
    model: Annotated[str, Meta(max_length=200)] | None = None
    max_phases: Annotated[int, Meta(ge=1, le=20)] | None = None


class StartGeneration(ClientMessage, frozen=True, tag="start_generation"):
    """Answered with ``state_update``, then the run's events."""

    data: StartGenerationData = StartGenerationData()


class StopGeneration(ClientMessage, frozen=True, tag="stop_generation"):
    """Answered with ``state_update`` with ``idle``."""

    data: NoData = NoData()


class ImageData(Data, frozen=True):
    """A picture, in base64."""

    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    data: bytes

    def image(self) -> Image:
        """Return it as a command carries it."""
        return Image(self.media_type, self.data)


class UserMessageData(Data, frozen=True):
    """Not empty after trimming."""

    content: Annotated[str, Meta(min_length=1, max_length=20_000)]
    images: Annotated[list[ImageData], Meta(max_length=MAX_IMAGES)] = field(
        default_factory=list
    )


class UserMessage(ClientMessage, frozen=True, tag="user_message"):
    """Answered with ``state_update``."""

    data: UserMessageData


AnyClientMessage: TypeAlias = (
    GetState | GetPreviewUrl | StartGeneration | StopGeneration | UserMessage
)
