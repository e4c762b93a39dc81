"""What commands and events of a project are made of; what it may hold, and how much."""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct


class RunState(StrEnum):
    """Where a project stands; the values of ``currentState`` in the public contract."""

    IDLE = "idle"
    DESIGNING = "designing"
    IMPLEMENTING = "implementing"
    INSTALL = "install"
    START = "start"
    COMPLETE = "complete"
    ERROR = "error"


Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Text: TypeAlias = Annotated[str, Meta(max_length=20_000)]
"""What a person writes: descriptions, prompts, messages; in characters."""
MAX_FILE_BYTES = 1_048_576
"""Largest text of a file, in bytes of UTF-8."""
MAX_ASSET_BYTES = 4_194_304
"""Largest file that is not text, in bytes."""
MAX_IMAGES_BYTES = 5_000_000
"""All images of a message together, in bytes: in base64, with the text, they fit into
one message of the bus and one row of the log, which hold eight million bytes."""
MAX_IMAGES = 10
Content: TypeAlias = Annotated[str, Meta(max_length=4 * -(-MAX_ASSET_BYTES // 3))]
"""A file's content, as *encoding* says; the agent checks how large it really is."""
Encoding: TypeAlias = Literal["utf-8", "base64"]
"""How *content* stands for the file's bytes: as their text, or in base64."""
IfMatch: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9a-f]{64}|\*)?$")]
"""Hexadecimal; empty for a file that is not there."""
Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
"""A path below the project's folder; whoever takes one in calls ``scof.safe_path``."""


ServiceName: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,31}\Z", examples=["integration"])
]
"""Name of a service outside: its user on NATS, and a token of its subjects."""
Access: TypeAlias = Literal["read", "write"]
"""What a grant is for: *read* asks and follows, *write* gives commands too."""


class Actor(Struct, frozen=True):
    """On whose behalf something happens; the agent checks it, doors only pass it on."""

    kind: Literal["user", "service"]
    id: str
    """The user's UUID, or the name of the service."""


class Image(Struct, frozen=True):
    """A picture in a message; *data* travels as base64."""

    media_type: Literal["image/png", "image/jpeg", "image/webp"]
    data: bytes


ModelNames: TypeAlias = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=5)
]
"""The first one is asked; the others answer when it cannot."""
VARIABLE_NAME = "^[A-Z_][A-Z0-9_]{0,99}$"
"""What a variable of an app may be called."""
Money: TypeAlias = Annotated[float, Meta(ge=0, le=1_000_000)]


class ProjectSettings(Struct, frozen=True, kw_only=True):
    """What a person has chosen for a project; what is left out has its default."""

    design_models: ModelNames = []
    """Who plans and answers questions; empty: as the installation is configured."""
    write_models: ModelNames = []
    """Who writes files; empty: as the installation is configured."""
    locked_paths: Annotated[list[Path], Meta(max_length=200)] = []
    """Files that the agent must not change; with a slash at the end, whole folders."""
    max_run_cost_usd: Money | None = None
    """Spend at which a run ends; None: as the installation is configured."""
    max_project_cost_usd: Money | None = None
    """Spend of all runs at which no call is made any more."""
    max_run_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Tokens, read and written, at which a run ends."""
    variables: Annotated[
        dict[
            Annotated[str, Meta(pattern=VARIABLE_NAME)],
            Annotated[str, Meta(max_length=4_000)],
        ],
        Meta(max_length=100),
    ] = {}
    """Names in the app's environment. The values are empty here, and for ever out of
    the log: the api keeps them, sealed, and tells the sandbox."""
