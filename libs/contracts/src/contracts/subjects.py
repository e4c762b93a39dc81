"""Every NATS subject, stream and durable name, and who may use which.

Tokens made from ids are UUIDs by type, so that no id can widen a subject.
"""

from uuid import UUID
from zlib import crc32

from msgspec import Struct

COMMANDS = "cmd.*.*"
QUERIES = "query.*.*"
SANDBOX = "sandbox.*.*"
MODELS = "models.list"
LIMITS = "limits.get"
SET_LIMITS = "limits.set"
ISOLATION = "isolation.tell"
SCREENSHOTS = "screenshot.*"
OPENINGS = "opening.*"
SANDBOX_PEERS = "peer.*.*.*"
VARIABLES = "vars.*"
AUTH_VERIFY = "auth.verify"
AUTH_VERIFY_SOCKET = "auth.verify_socket"
AUTH_ENDED = "auth.ended.*"
SERVICE_COMMANDS = "svc.*.cmd.*.*"
SERVICE_QUERIES = "svc.*.query.*.*"
RUN_POKE = "poke.run"
"""Empty message: some project may have work for a driver."""

_INBOX = "_INBOX"

AGENT_QUEUE = "agent"
SANDBOX_QUEUE = "sandbox"
API_QUEUE = "api"

OWNERS_BUCKET = "sandboxes"
"""Key-value bucket: which sandbox controller has which project."""
_OWNERS_STREAM = f"KV_{OWNERS_BUCKET}"
PICTURES_BUCKET = "screenshots"
"""How apps look, for all sandbox controllers where there are several."""
_PICTURES_STREAM = f"KV_{PICTURES_BUCKET}"

INTERNAL_SERVICES = frozenset({"agent", "api", "gateway", "sandbox"})
"""Services that are trusted with every project; no other one may have such a name."""


def auth_ended(user_id: UUID) -> str:
    """Return where, with an empty message, sessions of a user are said to have ended.

    Whoever keeps something open for that user verifies its session again.
    """
    return f"auth.ended.{user_id}"


def user_of(auth_ended: str) -> UUID:
    """Return the user whom such a subject names."""
    return UUID(auth_ended.rpartition(".")[2])


def command(project_id: UUID, verb: str) -> str:
    """Return where a command is requested; *verb* is the command's tag."""
    return f"cmd.{project_id}.{verb}"


def query(project_id: UUID, verb: str) -> str:
    """Return where a question is asked; *verb* is the query's tag."""
    return f"query.{project_id}.{verb}"


def service_command(service: str, project_id: UUID, verb: str) -> str:
    """Return where a service outside gives a command.

    Its name is part of the subject, and its credentials reach no other one: so nobody
    outside can speak for a person or for somebody else's service.
    """
    return f"svc.{service}.cmd.{project_id}.{verb}"


def service_query(service: str, project_id: UUID, verb: str) -> str:
    """Return where a service outside asks a question."""
    return f"svc.{service}.query.{project_id}.{verb}"


def service_event(service: str, project_id: UUID) -> str:
    """Return where a service outside hears the events of a project it has a grant for.

    The same batches as on ``evt.*.{project_id}``.
    """
    return f"svc.{service}.evt.{project_id}"


def service_progress(service: str, project_id: UUID, kind: str) -> str:
    """Return where a service outside sees progress; *kind* is ``text`` or ``log``."""
    return f"svc.{service}.progress.{project_id}.{kind}"


def variables(project_id: UUID) -> str:
    """Return where the sandbox asks what an app finds in its environment."""
    return f"vars.{project_id}"


def screenshot(project_id: UUID) -> str:
    """Return where the api asks how an app looked last."""
    return f"screenshot.{project_id}"


def opening(project_id: UUID) -> str:
    """Return where the api asks where an app will be seen."""
    return f"opening.{project_id}"


def open_file(project_id: UUID) -> str:
    """Return where the driver of a run answers which file is being written."""
    return f"live.{project_id}.open_file"


def sandbox(project_id: UUID, verb: str) -> str:
    """Return where an operation on a sandbox is requested."""
    return f"sandbox.{project_id}.{verb}"


def peer(controller: UUID, project_id: UUID, verb: str) -> str:
    """Return where a controller is asked for what was asked of another one."""
    return f"peer.{controller}.{project_id}.{verb}"


def event(shard: int, project_id: UUID) -> str:
    """Return where a project's recorded events are published."""
    return f"evt.{shard}.{project_id}"


def events_of(project_id: UUID) -> str:
    """Return what a follower of one project subscribes to."""
    return f"evt.*.{project_id}"


def stream(shard: int) -> str:
    """Return the name of a shard's stream."""
    return f"EVT_{shard}"


def stream_subjects(shard: int) -> str:
    """Return what a shard's stream records."""
    return f"evt.{shard}.*"


def poke(shard: int) -> str:
    """Return where a relay is woken after a commit."""
    return f"poke.{shard}"


def project_poke(project_id: UUID) -> str:
    """Return where the driver of a run is told that its project has changed."""
    return f"poke.{project_id}"


def text(project_id: UUID) -> str:
    """Return where characters appear as the model writes them."""
    return f"progress.{project_id}.text"


def reply(project_id: UUID) -> str:
    """Return where an answer in the conversation appears as the model writes it."""
    return f"progress.{project_id}.reply"


def log(project_id: UUID) -> str:
    """Return where a sandbox's output appears."""
    return f"progress.{project_id}.log"


def progress_of(project_id: UUID) -> str:
    """Return what a follower of one project's progress subscribes to."""
    return f"progress.{project_id}.*"


def shard_of(project_id: UUID, shards: int) -> int:
    """Return the shard of a new project; an existing one keeps the one it has."""
    return crc32(project_id.bytes) % shards


def may_answer(subject: str, reply: str) -> bool:
    """Tell whether the answer to a request on *subject* may go to *reply*.

    Whoever asks writes where the answer is to go, and whoever answers sends it there by
    its own right, which reaches further: so it goes to inboxes alone, and that to a
    service outside goes to its own.
    """
    inbox, _, rest = reply.partition(".")
    if subject.startswith("svc."):
        return bool(rest) and inbox == inbox_prefix(subject.split(".")[1])
    return bool(rest) and inbox.startswith(_INBOX)


class Permissions(Struct, frozen=True):
    """What one NATS user may publish and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False
    """Whether it may answer what it hears, wherever that says: for those who serve."""


def _with_inbox(user: str, *subjects: str) -> tuple[str, ...]:
    return (*subjects, f"{inbox_prefix(user)}.>")


def inbox_prefix(user: str) -> str:
    """Return the prefix of a user's reply subjects; others cannot read them."""
    return f"{_INBOX}_{user}"


def service_permissions(service: str) -> Permissions:
    """Return what the user of a service outside needs; the grants say of what."""
    return Permissions(
        publish=(f"svc.{service}.cmd.*.*", f"svc.{service}.query.*.*"),
        subscribe=_with_inbox(
            service, f"svc.{service}.evt.*", f"svc.{service}.progress.*.*"
        ),
    )


# A wildcard is a whole token: `EVT_*` would be a stream of that very name. There are no
# other streams than those of events, and the bucket of sandboxes' owners.
PERMISSIONS: dict[str, Permissions] = {
    "agent": Permissions(
        publish=(
            "evt.>",
            "poke.*",
            "progress.*.text",
            "progress.*.reply",
            SANDBOX,
            "$JS.API.STREAM.INFO.*",
            "$JS.API.STREAM.CREATE.*",
            "$JS.API.STREAM.UPDATE.*",
            "$JS.API.STREAM.MSG.GET.*",
        ),
        subscribe=_with_inbox(
            "agent",
            COMMANDS,
            QUERIES,
            SERVICE_COMMANDS,
            SERVICE_QUERIES,
            MODELS,
            LIMITS,
            SET_LIMITS,
            "live.*.open_file",
            "poke.*",
        ),
        answers=True,
    ),
    "api": Permissions(
        publish=(
            COMMANDS,
            QUERIES,
            MODELS,
            LIMITS,
            SET_LIMITS,
            ISOLATION,
            SCREENSHOTS,
            OPENINGS,
            AUTH_ENDED,
            "svc.*.evt.*",
            "svc.*.progress.*.*",
            "$JS.API.STREAM.INFO.*",
            "$JS.API.CONSUMER.CREATE.*",
            "$JS.API.CONSUMER.CREATE.*.>",
            "$JS.API.CONSUMER.DELETE.*.*",
            "$JS.API.CONSUMER.INFO.*.*",
            "$JS.FC.>",  # says that a consumer may send more
        ),
        subscribe=_with_inbox(
            "api",
            AUTH_VERIFY,
            AUTH_VERIFY_SOCKET,
            AUTH_ENDED,
            VARIABLES,
            "evt.*.*",
            "progress.*.*",
        ),
        answers=True,
    ),
    "gateway": Permissions(
        publish=(
            COMMANDS,
            QUERIES,
            "live.*.open_file",
            AUTH_VERIFY,
            AUTH_VERIFY_SOCKET,
        ),
        subscribe=_with_inbox("gateway", "evt.*.*", "progress.*.*", AUTH_ENDED),
    ),
    "sandbox": Permissions(
        publish=(
            "progress.*.log",
            "query.*.manifest",
            "query.*.files",
            VARIABLES,
            SANDBOX_PEERS,
            f"$KV.{OWNERS_BUCKET}.*",
            f"$JS.API.STREAM.INFO.{_OWNERS_STREAM}",
            f"$JS.API.STREAM.CREATE.{_OWNERS_STREAM}",
            f"$JS.API.STREAM.MSG.GET.{_OWNERS_STREAM}",
            f"$KV.{PICTURES_BUCKET}.*",
            f"$JS.API.STREAM.INFO.{_PICTURES_STREAM}",
            f"$JS.API.STREAM.CREATE.{_PICTURES_STREAM}",
            f"$JS.API.STREAM.MSG.GET.{_PICTURES_STREAM}",
        ),
        subscribe=_with_inbox(
            *("sandbox", SANDBOX, ISOLATION, SCREENSHOTS, OPENINGS),
            *(SANDBOX_PEERS, "evt.*.*"),
        ),
        answers=True,
    ),
    "integration": service_permissions("integration"),
}
"""Users by name."""
