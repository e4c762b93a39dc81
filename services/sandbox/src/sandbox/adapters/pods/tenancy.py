"""Which project has which pod, and the connections to them.

A project has one pod at most, made when it is first needed and remembered by its uid:
files that were written to another one, or to one that has ended, are not there.

Several controllers may share an installation. Each ends the pods of its own making that
it does not remember, and those of another one only when it is told that the project is
its own by now.
"""

import asyncio
import time
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from msgspec import Struct

from chassis import logs
from sandbox.adapters.files.claim import installation
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.pods import body
from sandbox.adapters.pods.body import Order
from sandbox.adapters.pods.cluster import Cluster, ClusterFailed, Missing, Pod
from sandbox.adapters.pods.roster import Roster
from sandbox.adapters.pods.session import Session
from sandbox.domain.limits import LIMITS, Limits
from sandbox.ports import RuntimeFailed

_log = logs.get(__name__)

_START_S = 120.0
"""From asking for a pod until it runs: a node may have to fetch the image first."""
_UNUSED_S = 300.0
"""A pod that nothing runs in and nobody looks into stays for so long."""


class Kind(Struct, frozen=True):
    """What the pods of this installation are made of."""

    image: str
    preview_domain: str
    limits: Limits = LIMITS
    runtime_class: str = ""
    lasts_s: int = 0
    """After so many seconds a pod is ended by the cluster; 0: it is not."""


class Tenancy:
    """What a project has in the cluster now."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.session: Session | None = None
        self.users = 0
        """How many use it now, commands that run among them."""
        self.used = time.monotonic()

    @property
    def living(self) -> Session | None:
        """The connection to its pod, if there is one."""
        session = self.session
        return None if session is None or session.ended else session

    def left(self) -> None:
        """Take note that somebody does not use it any more."""
        self.users -= 1
        self.used = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs there and nobody has looked for a while."""
        unused = time.monotonic() - self.used > _UNUSED_S
        return unused and not self.users


class Tenancies:
    """The pods of all projects."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        layout: Layout,
        certificates: Path | None,
        tasks: TaskGroup,
    ) -> None:
        self.roster = Roster(cluster)
        self._cluster = cluster
        self._kind = kind
        self._layout = layout
        self._certificates = certificates
        self._tasks = tasks
        self._known: dict[UUID, Tenancy] = {}
        self._making: set[str] = set()
        """Pods that somebody waits for."""
        self._me = installation(layout.root)
        self.closed = False

    def of(self, project_id: UUID) -> Tenancy:
        """Return what a project has, which may be nothing yet."""
        return self._known.setdefault(project_id, Tenancy())

    def is_held(self, project_id: UUID) -> bool:
        """Tell whether the pod that files were last written to is there still."""
        return self._kept(project_id) is not None

    @asynccontextmanager
    async def using(self, project_id: UUID) -> AsyncIterator[Session]:
        """Lend a connection to the project's pod, which is made if there is none.

        Raises:
            RuntimeFailed: There can be none; one sentence says why.

        """
        tenancy = self.of(project_id)
        tenancy.users += 1
        try:
            async with tenancy.lock:
                session = tenancy.living
                if session is None:
                    session = tenancy.session = await self._bring_up(project_id)
            yield session
        finally:
            tenancy.left()

    @asynccontextmanager
    async def looking(self, project_id: UUID) -> AsyncIterator[Session | None]:
        """Lend a connection to the project's pod; None where it has no pod.

        Raises:
            RuntimeFailed: It has one that cannot be spoken to.

        """
        if self.of(project_id).living is None and not self.is_held(project_id):
            yield None
            return
        async with self.using(project_id) as session:
            yield session

    async def discard(self, project_id: UUID) -> None:
        """End the project's pods, with all that they hold."""
        tenancy = self._known.pop(project_id, None)
        if tenancy is not None and tenancy.session is not None:
            tenancy.session.close()
        self._record(project_id).unlink(missing_ok=True)
        for pod in self._made(project_id):
            await self._delete(pod)

    async def sweep(self) -> int:
        """End pods that nobody has or needs; return how many nobody had."""
        for project_id, tenancy in list(self._known.items()):
            if tenancy.is_idle:
                await self.discard(project_id)
        left = [pod for pod in self.roster.all if self._is_left(pod)]
        for pod in left:
            await self._delete(pod)
        return len(left)

    def strays(self) -> set[UUID]:
        """Return the projects that other controllers have made pods for."""
        found = set()
        for pod in self.roster.all:
            if self._is_strange(pod):
                with suppress(ValueError):
                    found.add(UUID(pod.project))
        return found

    async def reap(self, project_id: UUID) -> None:
        """End the pods that other controllers have made for a project that is ours."""
        for pod in filter(self._is_strange, self.roster.of(str(project_id))):
            _log.warning("ending the pod of another controller", pod=pod.name)
            await self._delete(pod)

    def close(self) -> None:
        """Let go of all connections; the pods stay."""
        for tenancy in self._known.values():
            if tenancy.session is not None:
                tenancy.session.close()

    def _made(self, project_id: UUID) -> list[Pod]:
        """Return the pods of a project that are of our own making."""
        pods = self.roster.of(str(project_id))
        return [pod for pod in pods if pod.controller == self._me]

    def _is_strange(self, pod: Pod) -> bool:
        return pod.controller != self._me and not self._is_wanted(pod)

    def _is_left(self, pod: Pod) -> bool:
        if pod.controller == self._me:
            return not self._is_wanted(pod)
        # Of those that the cluster ends nobody needs to have anything.
        return bool(self._kind.lasts_s) and pod.is_over

    def _is_wanted(self, pod: Pod) -> bool:
        if pod.metadata.deletion_timestamp is not None or pod.name in self._making:
            return True
        try:
            kept = self._kept(UUID(pod.project))
        except ValueError:
            return False
        if kept is None or kept.uid != pod.uid:
            return False
        # One that an instance before this one has used counts from now on.
        self.of(UUID(pod.project))
        return True

    def _record(self, project_id: UUID) -> Path:
        """Return the file that says which pod has the project's files."""
        return self._layout.box(project_id).path / "pod"

    def _kept(self, project_id: UUID) -> Pod | None:
        """Return the pod that the project's files were written to, if it runs."""
        try:
            uid = self._record(project_id).read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        made_as = body.made_as(self._order(project_id, ""))
        for pod in self.roster.of(str(project_id)):
            if pod.uid == uid and pod.runs and pod.made_as == made_as:
                return pod
        return None

    async def _bring_up(self, project_id: UUID) -> Session:
        if self.closed:
            raise RuntimeFailed("The sandbox service is stopping.")
        try:
            kept = self._kept(project_id)
            if kept is not None:
                try:
                    return await self._connect(kept)
                except Missing:
                    await self.roster.load()  # its end has not been told yet
            return await self._connect(await self._replace(project_id))
        except ClusterFailed as exc:
            raise RuntimeFailed(str(exc)) from exc

    async def _replace(self, project_id: UUID) -> Pod:
        for left in self._made(project_id):
            await self._delete(left)
        pod = await self._make(project_id)
        box = self._layout.box(project_id)
        box.make(None)
        self._record(project_id).write_text(pod.uid, encoding="ascii")
        return pod

    async def _make(self, project_id: UUID) -> Pod:
        name = f"{self._cluster.owner}-{project_id.hex[:12]}-{uuid4().hex[:6]}"
        self._making.add(name)
        try:
            await self._cluster.create(body.body(self._order(project_id, name)))
            pod = await self.roster.until(name, _is_decided, _START_S)
        except TimeoutError as exc:
            known = [pod.obstacle for pod in self.roster.all if pod.name == name]
            reason = known[0] if known else "nothing is known of it"
            raise ClusterFailed(
                f"A pod did not start within {_START_S:g} seconds: {reason}."
            ) from exc
        finally:
            self._making.discard(name)
        if pod is None or not pod.runs:
            reason = "it is gone" if pod is None else pod.obstacle
            raise ClusterFailed(f"A pod ended as soon as it was made: {reason}.")
        return pod

    async def _connect(self, pod: Pod) -> Session:
        session = Session(pod, self._tasks)
        began = asyncio.Event()
        self._tasks.create_task(session.converse(self._cluster, began))
        try:
            await began.wait()
            bundle = self._certificates
            text = "" if bundle is None else await asyncio.to_thread(bundle.read_text)
            await session.ask({"do": "make", "certificates": text})
        except BaseException as exc:
            session.close()
            if isinstance(exc, OSError):  # Broken is one
                kind = Missing if session.is_missing else ClusterFailed
                raise kind(f"A pod cannot be spoken to: {exc}.") from exc
            raise
        return session

    def _order(self, project_id: UUID, name: str) -> Order:
        limits = self._kind.limits
        return Order(
            name=name,
            owner=self._cluster.owner,
            controller=self._me,
            project=str(project_id),
            image=self._kind.image,
            memory_bytes=limits.memory_bytes,
            processors=limits.processors,
            disk_bytes=limits.disk_bytes,
            runtime_class=self._kind.runtime_class,
            lasts_s=self._kind.lasts_s,
        )

    async def _delete(self, pod: Pod) -> None:
        """End a pod; where that fails, the next look finds it left over."""
        try:
            await self._cluster.delete(pod)
        except ClusterFailed as exc:
            _log.warning("a pod is left over", pod=pod.name, reason=str(exc))


def _is_decided(pod: Pod | None) -> bool:
    return pod is not None and (pod.runs or pod.is_over)
