"""Commands as processes of this machine: the `process` runtime.

Each command has a keeper (`keeper.py`), and that has a socket to us. Over it come the
connections to the app, and its end is what ends the app should we be killed.
"""

import asyncio
import json
import os
import signal
import socket
from asyncio import StreamReader, TaskGroup
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import msgspec
from typing_extensions import override

from chassis import logs
from sandbox.adapters.files.disk import DiskGuard
from sandbox.adapters.files.layers import Layers
from sandbox.adapters.files.layout import Layout
from sandbox.adapters.files.mounts import CannotMount
from sandbox.adapters.keeping.control import Control, readable
from sandbox.adapters.keeping.kept import (
    DRAIN_S,
    INSIST_S,
    TOO_MUCH_MEMORY,
    Kept,
    WayOut,
    way_out,
)
from sandbox.adapters.keeping.launch import Launcher, Mounted, Plan
from sandbox.adapters.keeping.pump import pump
from sandbox.adapters.keeping.running import Running
from sandbox.adapters.processes.groups import BOUNDS, Bounds, Group
from sandbox.adapters.processes.leftovers import end_marked, mark_of
from sandbox.adapters.processes.memory import used_by
from sandbox.adapters.toolbox import RegistryFinder, Toolbox
from sandbox.domain.output import Stream
from sandbox.ports import (
    Adopter,
    Command,
    Isolation,
    OnOutput,
    Process,
    Runtime,
    RuntimeFailed,
)

_log = logs.get(__name__)

_START_S = 10.0
_LOOK_S = 2.0
_UNKNOWN_CODE = 255
_KILLED = 128 + signal.SIGKILL


class ProcessRuntime(Runtime, Adopter):
    """Runs commands with one of the launchers."""

    def __init__(
        self,
        layout: Layout,
        tools: Toolbox,
        launcher: Launcher,
        environ: Mapping[str, str],
        tasks: TaskGroup,
        *,
        layers: Layers | None = None,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self._layout = layout
        self._layers = layers or Layers(layout, None)
        self._tools = tools
        self._launcher = launcher
        self._tasks = tasks
        self._memory_bytes = bounds.limits.memory_bytes
        self._groups = bounds.groups
        self._images = bounds.images
        self._disk = DiskGuard(layout, bounds.limits, bounds.images)
        self._running: Running[KeptProcess] = Running()
        self._registries = RegistryFinder(tools, environ)
        tools.write_wrappers(layout.tools)

    @property
    @override
    def isolation(self) -> Isolation:
        disk = self._images is not None
        return msgspec.structs.replace(self._launcher.isolation, disk=disk)

    @property
    @override
    def has_uv(self) -> bool:
        return self._tools.uv is not None

    @property
    @override
    def has_browser(self) -> bool:
        return self._tools.chromium is not None and self.isolation.network

    @property
    @override
    def has_bun(self) -> bool:
        return self._tools.bun is not None

    @override
    async def watch(self) -> None:
        """End commands that take more memory or disk than they may, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for kept in await self._greedy():
                if not kept.condemned:
                    _log.warning("a command held too much memory")
                    reason = TOO_MUCH_MEMORY.format(self._memory_bytes >> 20)
                    self._tasks.create_task(kept.condemn(reason))
            await self._disk.look(self._running.by_project, self._tasks)

    async def _greedy(self) -> "list[KeptProcess]":
        """Return those that take too much memory, or had the kernel end some of it."""
        running = self._running.all()
        if self._groups is not None:
            return [one for one in running if one.ran_out]
        kept = {one.pid: one for one in running}
        used = await asyncio.to_thread(used_by, kept) if kept else {}
        return [kept[pid] for pid, held in used.items() if held > self._memory_bytes]

    @override
    async def recover(self) -> int:
        """End what earlier instances have left; return how many processes."""
        ended = await asyncio.to_thread(end_marked, mark_of(self._layout.root))
        if self._groups is not None:
            self._groups.sweep()
        return ended

    @override
    async def expect_installs(self) -> None:
        await self._registries.find()

    @override
    async def launch(
        self, project_id: UUID, command: Command, on_output: OnOutput
    ) -> Process:
        self._running.admit()
        await self._disk.admit(project_id)
        registries = await self._registries.find() if command.installs else None
        modules = await self._modules(project_id)
        ours, theirs = socket.socketpair()
        try:
            plan = self._launcher.plan(
                project_id, command, registries, theirs.fileno(), modules
            )
            process, group = await self._spawn(plan, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        kept = KeptProcess(process, ours, plan, on_output, group)
        self._tasks.create_task(
            self._running.keep(project_id, kept, self._see_to_its_end(kept))
        )
        try:
            await kept.start(way_out(command, registries), self._tasks)
        except BaseException:
            await kept.stop()
            raise
        return kept

    async def _modules(self, project_id: UUID) -> Mounted | None:
        try:
            folder = await self._layers.mounted(self._layout.box(project_id).layer)
        except CannotMount as exc:
            raise RuntimeFailed(f"The packages cannot be mounted: {exc}.") from exc
        return None if folder is None else Mounted(folder, self._layers.entry)

    def _group(self, plan: Plan) -> Group | None:
        if self._groups is None:
            return None
        try:
            return self._groups.make(plan.mark.rpartition(":")[2])
        except OSError as exc:
            raise RuntimeFailed(f"There is no control group: {exc.strerror}.") from exc

    async def _spawn(
        self, plan: Plan, control: socket.socket
    ) -> tuple[asyncio.subprocess.Process, Group | None]:
        group: Group | None = None
        try:
            group = self._group(plan)
            process = await asyncio.create_subprocess_exec(
                *(*(group.entry if group is not None else ()), *plan.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                pass_fds=(control.fileno(), *plan.pass_fds),
                start_new_session=True,
            )
        except BaseException as exc:
            if plan.info_fd is not None:
                os.close(plan.info_fd)
            self._discard(group)
            if isinstance(exc, OSError):
                raise RuntimeFailed(f"{plan.argv[0]}: {exc.strerror}.") from exc
            raise
        finally:
            for handle in plan.pass_fds:
                os.close(handle)
        return process, group

    def _discard(self, group: Group | None) -> None:
        if self._groups is not None and group is not None:
            self._groups.discard(group)

    async def _see_to_its_end(self, kept: "KeptProcess") -> None:
        try:
            await kept.keep()
        finally:
            self._discard(kept.group)

    @override
    def adopt(self, spare: UUID, project_id: UUID) -> None:
        self._running.hand_over(spare, project_id)

    @override
    async def end_all(self, project_id: UUID) -> None:
        await self._running.stop(project_id)
        uid = self._layout.own_uid(project_id) if self.isolation.own_user else None
        mark = mark_of(self._layout.root, self._layout.born(project_id))
        await asyncio.to_thread(end_marked, mark, uid)

    @override
    async def close(self) -> None:
        await self._running.close()
        if self._groups is not None:
            self._groups.close()


class KeptProcess(Kept):
    """One command and its keeper."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        control: socket.socket,
        plan: Plan,
        on_output: OnOutput,
        group: Group | None = None,
    ) -> None:
        super().__init__(Control(control), on_output)
        self._process = process
        self._plan = plan
        self.group = group
        self._was_short = False
        """Some of it was ended because memory ran out."""

    @property
    def ran_out(self) -> bool:
        """Whether the kernel had to end some of it, because memory ran out."""
        return self.group is not None and self.group.kills > 0

    async def start(self, out: WayOut | None, tasks: TaskGroup) -> None:
        """Tell the keeper what to run, and serve its way out, if it has one."""
        try:
            async with asyncio.timeout(_START_S):
                await self._control.run(self._plan.spec)
                if out is not None and self._plan.spec["egress"]:
                    await self._let_out(out, tasks)
        except OSError as exc:  # TimeoutError is one
            # It ended before it listened; its output and its exit code say why.
            _log.warning("a keeper did not start", reason=str(exc))

    async def keep(self) -> None:
        """See the command to its end, and to the end of all that it started."""
        process = self._process
        try:
            inside = await self._first_inside()
            async with TaskGroup() as pumps:
                both = [
                    pumps.create_task(pump(reader, stream, self._on_output))
                    for stream, reader in _streams(process).items()
                ]
                code = await process.wait()
                if inside is not None:
                    await _until_dead(inside)
                elif code < 0:  # the keeper was killed and could not clean up
                    await asyncio.to_thread(end_marked, self._plan.mark)
                await asyncio.wait(both, timeout=DRAIN_S)
                for one in both:
                    one.cancel()
            if self.group is not None and self.ran_out:
                self._was_short = True
                if not self.condemned:
                    size = self.group.memory_bytes >> 20
                    await self._tell(TOO_MUCH_MEMORY.format(size))
        finally:
            self._kill()
            self._control.close()
            self._ended.set()

    async def _first_inside(self) -> int | None:
        """Return a handle of the first process in the namespace.

        When it is dead the kernel has ended all others. bubblewrap itself leaves
        earlier, so its end proves nothing.
        """
        if self._plan.info_fd is None:
            return None
        try:
            text = await asyncio.to_thread(_read_all, self._plan.info_fd)
            return os.pidfd_open(json.loads(text)["child-pid"])
        except (OSError, ValueError, KeyError):
            return None

    @property
    def pid(self) -> int:
        """The first process: whatever runs descends from it."""
        return self._process.pid

    @override
    async def wait(self) -> int:
        await self._ended.wait()
        code = self._process.returncode
        if code is None:
            return _UNKNOWN_CODE
        if code == 0 and self._was_short:
            return _KILLED
        return code if code >= 0 else 128 - code

    @override
    def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _streams(process: asyncio.subprocess.Process) -> dict[Stream, StreamReader]:
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("a command is started with pipes")
    return {"stdout": process.stdout, "stderr": process.stderr}


def _read_all(handle: int) -> bytes:
    with os.fdopen(handle, "rb") as file:
        return file.read()


async def _until_dead(inside: int) -> None:
    try:
        async with asyncio.timeout(INSIST_S):
            await readable(inside)
    except TimeoutError:
        with suppress(OSError):
            signal.pidfd_send_signal(inside, signal.SIGKILL)
        await readable(inside)
    finally:
        os.close(inside)
