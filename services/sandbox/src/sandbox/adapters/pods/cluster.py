"""A cluster's API server, asked for no more than what pods of ours need.

Every question has a time limit, and every failure is one exception: whoever asked in
vain looks again at what is there. The account needs to create, list, watch and delete
pods of one namespace and to start programs in them, nothing else.
"""

import asyncio
import copy
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, ApiException, Configuration, CoreV1Api
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.stream import WsApiClient
from msgspec import Struct, field

from chassis import logs
from sandbox.adapters.pods.body import (
    CONTAINER,
    CONTROLLER_LABEL,
    MADE_AS,
    OWNER_LABEL,
    PROJECT_LABEL,
)

_log = logs.get(__name__)

_ASK_S = 15.0
_CHECK_S = 3.0
_OPEN_S = 20.0
_WATCH_S = 240
_LATE_S = 30.0
"""For the end of a watch, after the time when the server should have ended it."""
_LINE_BYTES = 1_048_576
_PIECE = 32_768
_STDIN, _STDOUT, _STDERR, _ERROR = b"\0", 1, 2, 3


class ClusterFailed(Exception):
    """The API server refused, or did not answer; one sentence says which."""


class Refused(ClusterFailed):
    """It will refuse again: an account without the right, a body it does not take."""


class Missing(ClusterFailed):
    """There is no such pod (any more)."""


class Outdated(ClusterFailed):
    """What was watched from is not known any more: list again."""


class Metadata(Struct, rename="camel"):
    """What every object has."""

    name: str
    uid: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str | None = None


class Terminated(Struct, rename="camel"):
    """How a container has ended."""

    exit_code: int = 0
    reason: str | None = None


class Waiting(Struct, rename="camel"):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class ContainerState(Struct, rename="camel"):
    """One of these is there, or none."""

    running: dict[str, Any] | None = None
    terminated: Terminated | None = None
    waiting: Waiting | None = None


class ContainerStatus(Struct, rename="camel"):
    """What is known of the pod's only container."""

    state: ContainerState = field(default_factory=ContainerState)


class PodStatus(Struct, rename="camel"):
    """What the cluster has made of a pod so far."""

    phase: str = "Pending"
    reason: str | None = None
    message: str | None = None
    container_statuses: list[ContainerStatus] = []


class Pod(Struct, rename="camel"):
    """A pod, as far as it matters here."""

    metadata: Metadata
    status: PodStatus = field(default_factory=PodStatus)

    @property
    def name(self) -> str:
        """Name in the namespace, for as long as the pod lives."""
        return self.metadata.name

    @property
    def uid(self) -> str:
        """What no other pod has had or will have."""
        return self.metadata.uid

    @property
    def project(self) -> str:
        """The id of the project that it was made for."""
        return self.metadata.labels.get(PROJECT_LABEL, "")

    @property
    def controller(self) -> str:
        """What names the folder of the controller that has made it."""
        return self.metadata.labels.get(CONTROLLER_LABEL, "")

    @property
    def made_as(self) -> str:
        """Digest of what it was made from."""
        return self.metadata.annotations.get(MADE_AS, "")

    @property
    def runs(self) -> bool:
        """Whether a program can be started in it."""
        states = [one.state for one in self.status.container_statuses]
        return (
            self.metadata.deletion_timestamp is None
            and self.status.phase == "Running"
            and any(state.running is not None for state in states)
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever run in it again."""
        ended = self.status.phase in ("Succeeded", "Failed")
        return ended or self.metadata.deletion_timestamp is not None

    @property
    def endings(self) -> set[str]:
        """Return the words with which the cluster says how it ended."""
        states = [one.state.terminated for one in self.status.container_statuses]
        reasons = {one.reason for one in states if one is not None}
        return {one for one in (*reasons, self.status.reason) if one}

    @property
    def obstacle(self) -> str:
        """Why it does not run yet, as far as the cluster says."""
        states = [one.state.waiting for one in self.status.container_statuses]
        words = [one.reason for one in states if one is not None and one.reason]
        return ", ".join(words) or self.status.message or self.status.phase


class ListMetadata(Struct, rename="camel"):
    """Where to watch from."""

    resource_version: str


class PodList(Struct, rename="camel"):
    """All pods of ours at one moment."""

    metadata: ListMetadata
    items: list[Pod]


class Gone(Struct, rename="camel"):
    """What an event of the type ERROR holds."""

    code: int = 0
    message: str = ""


class Event(Struct):
    """A line of a watch."""

    type: str
    object: msgspec.Raw


class Versioned(Struct):
    """What every object of a watch has at least."""

    metadata: ListMetadata


class Program:
    """A program that was started in a pod, by its standard input and output."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def write(self, data: bytes) -> None:
        """Send *data* to its standard input.

        Raises:
            ClusterFailed: The connection is gone.

        """
        try:
            for start in range(0, len(data), _PIECE):
                piece = data[start : start + _PIECE]
                await self._socket.send_bytes(_STDIN + piece)
        except (OSError, aiohttp.ClientError) as exc:
            raise ClusterFailed(f"A connection to a pod has ended: {exc}.") from exc

    async def read(self) -> bytes:
        """Return what comes next from its standard output; nothing at its end."""
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                return b""
            channel, data = message.data[0], message.data[1:]
            if channel == _STDOUT and data:
                return bytes(data)
            if channel == _ERROR:
                return b""
            if channel == _STDERR and data:
                _log.warning(
                    "a pod's porter says", text=data[-2000:].decode(errors="replace")
                )


class Cluster:
    """The pods of one owner in one namespace."""

    def __init__(self, settings: Configuration, namespace: str, owner: str) -> None:
        self.namespace = namespace
        self.owner = owner
        self.server = str(settings.host)
        self._client = ApiClient(settings)
        self._sockets = WsApiClient(settings)
        # Annotated for models that are made of every answer: here none is.
        self._api: Any = CoreV1Api(self._client)
        self._ways_in: Any = CoreV1Api(self._sockets)

    def aside(self, purpose: str) -> "Cluster":
        """Return the same cluster for pods that whoever looks here does not see."""
        other = copy.copy(self)
        other.owner = f"{self.owner}-{purpose}"
        return other

    @property
    def _selector(self) -> str:
        return f"{OWNER_LABEL}={self.owner}"

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()
        await self._sockets.close()

    async def check(self) -> None:
        """Say by an exception that the API server does not answer, or not to us."""
        async with _asked(_CHECK_S):
            answer = await self._api.list_namespaced_pod(
                self.namespace,
                label_selector=self._selector,
                limit=1,
                _preload_content=False,
            )
            await _content(answer)

    async def create(self, body: dict[str, Any]) -> None:
        """Make a pod, which does not run yet."""
        async with _asked(_ASK_S):
            answer = await self._api.create_namespaced_pod(
                self.namespace, body, _preload_content=False
            )
            await _content(answer)

    async def delete(self, pod: Pod) -> None:
        """End a pod and forget it; nothing to do where it is gone, or another one."""
        options = {"preconditions": {"uid": pod.uid}}
        try:
            async with _asked(_ASK_S):
                answer = await self._api.delete_namespaced_pod(
                    pod.name, self.namespace, body=options, _preload_content=False
                )
                await _content(answer)
        except Missing:
            pass

    async def own(self) -> PodList:
        """Return all pods of this owner."""
        async with _asked(_ASK_S):
            answer = await self._api.list_namespaced_pod(
                self.namespace, label_selector=self._selector, _preload_content=False
            )
            return msgspec.json.decode(await _content(answer), type=PodList)

    async def changes(self, version: str) -> AsyncIterator[tuple[str, Pod | None]]:
        """Yield each version after *version* with the pod that it is of.

        A pod that is gone comes as one that is over. Ends now and then by itself.

        Raises:
            Outdated: That was too long ago.

        """
        async with _asked(_WATCH_S + _LATE_S):
            answer = await self._api.list_namespaced_pod(
                self.namespace,
                label_selector=self._selector,
                resource_version=version,
                watch=True,
                allow_watch_bookmarks=True,
                timeout_seconds=_WATCH_S,
                _preload_content=False,
                _request_timeout=_WATCH_S + _LATE_S,
            )
            try:
                if not answer.ok:
                    await _content(answer)
                async for line in _lines(answer.content):
                    yield _understood(line)
            finally:
                answer.close()

    @asynccontextmanager
    async def program(self, pod: str, words: Sequence[str]) -> AsyncIterator[Program]:
        """Start a program in a pod, which should end with its standard input."""
        async with _asked(_OPEN_S):
            opening = await self._ways_in.connect_get_namespaced_pod_exec(
                pod,
                self.namespace,
                command=list(words),
                container=CONTAINER,
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
            socket = await opening
        try:
            yield Program(socket)
        finally:
            await socket.close()


async def connect(kubeconfig: str, namespace: str, owner: str) -> Cluster:
    """Return the cluster that *kubeconfig* names; empty: the one that we run in.

    Raises:
        ClusterFailed: It cannot be told which one that is.

    """
    settings = Configuration()
    try:
        if kubeconfig:
            await config.load_kube_config(kubeconfig, client_configuration=settings)
        else:
            load: Callable[..., None] = config.load_incluster_config
            load(client_configuration=settings)
    except (ConfigException, OSError) as exc:
        raise ClusterFailed(f"No cluster is known: {exc}") from exc
    # Each pod that is used holds a connection: there is no most of them.
    settings.connection_pool_maxsize = 0
    return Cluster(settings, namespace, owner)


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    data = await answer.read()
    if not answer.ok:
        text = data.decode(errors="replace")
        raise ApiException(status=answer.status, reason=text)
    return data


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > _LINE_BYTES:
            raise ClusterFailed("The API server sends lines without an end.")


def _understood(line: bytes) -> tuple[str, Pod | None]:
    event = msgspec.json.decode(line, type=Event)
    if event.type == "ERROR":
        gone = msgspec.json.decode(event.object, type=Gone)
        kind = Outdated if gone.code == HTTPStatus.GONE else ClusterFailed
        raise kind(f"The API server says: {gone.message}")
    known = msgspec.json.decode(event.object, type=Versioned)
    number = known.metadata.resource_version
    if event.type == "BOOKMARK":
        return number, None
    pod = msgspec.json.decode(event.object, type=Pod)
    if event.type == "DELETED":
        pod.metadata.deletion_timestamp = "now"
        pod.status.phase = "Gone"
    return number, pod


@asynccontextmanager
async def _asked(seconds: float) -> AsyncIterator[None]:
    """Bound a question in time, and make one kind of failure of all there are."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ApiException as exc:
        raise _failure(exc) from exc
    except aiohttp.WSServerHandshakeError as exc:
        kind = Missing if exc.status == HTTPStatus.NOT_FOUND else ClusterFailed
        raise kind(
            f"The API server refused a way into a pod (status {exc.status})."
        ) from exc
    except TimeoutError as exc:
        raise ClusterFailed(
            f"The API server did not answer within {seconds:g} seconds."
        ) from exc
    except (OSError, aiohttp.ClientError, ssl.SSLError, msgspec.MsgspecError) as exc:
        raise ClusterFailed(f"The API server failed: {exc!r}.") from exc


def _failure(exc: ApiException) -> ClusterFailed:
    body = exc.body if isinstance(exc.body, (str, bytes)) else exc.reason or ""
    try:
        text = msgspec.json.decode(body, type=Gone).message
    except msgspec.MsgspecError:
        text = str(body)[:500]
    sentence = f"The API server says: {text.strip()}"
    match exc.status:
        case HTTPStatus.NOT_FOUND | HTTPStatus.CONFLICT:
            return Missing(sentence)
        case HTTPStatus.GONE:
            return Outdated(sentence)
        case (
            HTTPStatus.FORBIDDEN
            | HTTPStatus.UNAUTHORIZED
            | HTTPStatus.UNPROCESSABLE_ENTITY
        ):
            return Refused(sentence)
        case _:
            return ClusterFailed(sentence)
