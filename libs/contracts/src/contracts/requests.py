"""What services ask of each other and what they answer."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from contracts.envelope import Recorded
from contracts.project import (
    Actor,
    Encoding,
    Money,
    ProjectCommand,
    ProjectSettings,
    RunState,
)

# --- commands: any agent worker answers -------------------------------------------


class CommandRequest(Struct, frozen=True):
    """A command on its way to the agent; the same id twice has one effect."""

    id: UUID
    project_id: UUID
    actor: Actor
    command: ProjectCommand
    correlation_id: UUID | None = None
    """What commands that belong together have in common, such as those of one import.
    A run's commands have the run in common, whatever is said here."""


class UsageTotals(Struct, frozen=True):
    """What all calls of language models came to: as they said, or an estimate."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


class ProjectView(Struct, frozen=True):
    """What a project is at *version*."""

    id: UUID
    owner_id: UUID
    name: str
    description: str
    state: RunState
    current_phase: int | None
    total_phases: int
    generated_files: list[str]
    preview_url: str | None
    sandbox_id: str | None
    version: int
    settings: ProjectSettings = ProjectSettings()
    usage: UsageTotals = UsageTotals()
    """Of all runs of the project."""


class Accepted(Struct, frozen=True, tag="accepted"):
    """The command is in the log; *project* is at *version* or later."""

    version: int
    project: ProjectView


RefusalCode: TypeAlias = Literal[
    "project_access_denied",
    "project_not_found",
    "generation_in_progress",
    "generation_not_in_progress",
    "invalid_message_data",
    "conflict",
    "rate_limited",
    "unavailable",
    "internal_error",
]


class Refused(Struct, frozen=True, tag="refused"):
    """The answer is no; *message* is one sentence for a person."""

    code: RefusalCode
    message: str


CommandAnswer: TypeAlias = Accepted | Refused


# --- queries: any agent worker answers --------------------------------------------


class Query(Struct, frozen=True, tag_field="type"):
    """A question about a project."""


class GetProject(Query, frozen=True, tag="project"):
    """Answered with a ProjectView."""


class GetHistory(Query, frozen=True, tag="history"):
    """Answered with a History: events after *after*, at most *limit*."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 200


class GetManifest(Query, frozen=True, tag="manifest"):
    """Answered with a Manifest."""


class GetFiles(Query, frozen=True, tag="files"):
    """Answered with Files: the named ones that exist, as many as fit in a message."""

    paths: list[str]


class GetDigest(Query, frozen=True, tag="digest"):
    """Answered with a StateDigest."""


ProjectQuery: TypeAlias = GetProject | GetHistory | GetManifest | GetFiles | GetDigest


class QueryRequest(Struct, frozen=True):
    """A question on its way to the agent."""

    project_id: UUID
    actor: Actor
    query: ProjectQuery


class History(Struct, frozen=True, tag="history"):
    """A page of the log, in order; *version* is the log's end when it was read."""

    events: list[Recorded]
    version: int


class FileDigest(Struct, frozen=True):
    """A file without its content."""

    path: str
    sha256: str
    """Hexadecimal, of the bytes of the file."""
    size: int
    """In bytes."""


class Manifest(Struct, frozen=True, tag="manifest"):
    """What the sandbox of a project should hold."""

    version: int
    deleted: bool
    files: list[FileDigest]
    packages: list[list[str]]
    """Install commands asked for by the model, in order, without repeats."""
    variables: dict[str, str] = {}
    """Names in the app's environment; where there are any, the api has the values."""


class FileContent(Struct, frozen=True):
    """A file of a project."""

    id: UUID
    path: str
    content: str
    encoding: Encoding = "utf-8"


class Files(Struct, frozen=True, tag="files"):
    """Answer to GetFiles; ask again for what is missing from it."""

    files: list[FileContent]


class ProjectAnswer(Struct, frozen=True, tag="project"):
    """Answer to GetProject."""

    project: ProjectView


class StateDigest(Struct, frozen=True, tag="digest"):
    """What a fold of the log up to *version* comes to, in this version of Atelier."""

    version: int
    sha256: str


QueryAnswer: TypeAlias = (
    ProjectAnswer | History | Manifest | Files | StateDigest | Refused
)


# --- language models: any agent worker answers --------------------------------------


class GetModels(Struct, frozen=True):
    """Which language models are there? About no project."""


class ModelInfo(Struct, frozen=True):
    """A language model that can be chosen; None where its provider does not say."""

    id: str
    name: str
    context_tokens: int | None = None
    prompt_usd: float | None = None
    """For a million tokens."""
    completion_usd: float | None = None
    """For a million tokens."""
    sees_images: bool = False
    plans: bool = True
    """Whether it answers in JSON of a given schema."""


class Models(Struct, frozen=True, tag="models"):
    """All models, and who works where a project's settings name none."""

    models: list[ModelInfo]
    design_models: list[str]
    write_models: list[str]


ModelsAnswer: TypeAlias = Models | Refused


# --- limits of the installation: any agent worker answers ---------------------------

Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=10**12)]


class SpendLimits(Struct, frozen=True, kw_only=True):
    """What language models may cost here, in dollars; None: any amount."""

    run_usd: Money | None = None
    """Of a run whose project says nothing."""
    max_run_usd: Money | None = None
    """Of any run, whatever its project says."""
    project_usd: Money | None = None
    """Of all runs of a project that says nothing."""
    max_project_usd: Money | None = None
    """Of all runs of any project."""
    run_tokens: Tokens | None = None
    """Read and written in a run whose project says nothing."""
    max_run_tokens: Tokens | None = None
    """In any run."""
    user_day_usd: Money | None = None
    """Of all projects of one person in a day, in UTC."""
    day_usd: Money | None = None
    """Of all projects in a day."""


class GetLimits(Struct, frozen=True):
    """Which limits hold? About no project."""


class SetLimits(Struct, frozen=True):
    """Let other limits hold from the next call of a model on."""

    by: UUID
    """The administrator who says so."""
    limits: SpendLimits


class Limits(Struct, frozen=True, tag="limits"):
    """The limits that hold."""

    limits: SpendLimits
    fixed: list[str]
    """Names of those that the environment sets: they cannot be changed."""


LimitsAnswer: TypeAlias = Limits | Refused


# --- the file that is being written: only the driver of a run answers --------------


class GetOpenFile(Struct, frozen=True):
    """Which file is being written at this moment, and what there is of it."""


class OpenFile(Struct, frozen=True):
    """All of the file so far; *path* is None between two files."""

    run_id: UUID
    attempt: int
    path: str | None
    text: str


# --- variables and secrets of apps: the api answers the sandbox ---------------------


class GetVariables(Struct, frozen=True):
    """Question for what a project's app finds in its environment."""

    project_id: UUID


class Variables(Struct, frozen=True, tag="variables"):
    """The app's environment: for its process, and for nothing that is kept or shown."""

    values: dict[str, str]
    secrets: list[str]
    """Names of those whose values nobody may read in the app's output."""


VariablesAnswer: TypeAlias = Variables | Refused


# --- identity: the api answers ------------------------------------------------------


class VerifySession(Struct, frozen=True):
    """Whose session is this? *token* is the value of the session cookie."""

    token: Annotated[str, Meta(max_length=512)]


class VerifySocketToken(Struct, frozen=True):
    """Whose is this ``?token=`` of a socket's address? It has to be for the project.

    The api signs such tokens and is the only one that reads them:
    ``v1.<payload>.<signature>``, both base64url without padding. The payload is JSON,
    ``{"s": session, "u": user, "p": project, "e": expiry}``: the session (or API token)
    that asked for it, whose user and project it is, and the second since 1970 from
    which it opens no socket any more, at most 60 s ahead. The signature is HMAC-SHA-256
    of ``v1.<payload>`` with a key of the api's own. The answer's session is ``s``.
    """

    token: Annotated[str, Meta(max_length=1024)]
    project_id: UUID
    opened: bool = False
    """True where a socket that the token opened asks whether the session behind it
    still lives: the expiry does not count then."""


class SessionVerified(Struct, frozen=True, tag="verified"):
    """A session that is valid now."""

    user_id: UUID
    session_id: UUID


class SessionRefused(Struct, frozen=True, tag="refused"):
    """No such session, or it has ended."""


SessionAnswer: TypeAlias = SessionVerified | SessionRefused
