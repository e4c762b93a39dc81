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
from sandbox.adapters.processes.leftovers import end_marked, mark_of
from sandbox.adapters.processes.memory import used_by
from sandbox.adapters.toolbox import Registries, Toolbox, find_registries
from sandbox.domain.limits import LIMITS, Limits
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
        limits: Limits = LIMITS,
    ) -> None:
        self._layout = layout
        self._layers = layers or Layers(layout, None)
        self._tools = tools
        self._launcher = launcher
        self._environ = environ
        self._tasks = tasks
        self._memory_bytes = limits.memory_bytes
        self._disk = DiskGuard(layout, limits.disk_bytes)
        self._running: Running[KeptProcess] = Running()
        self._registries: Registries | None = None
        tools.write_wrappers(layout.tools)

    @property
    @override
    def isolation(self) -> Isolation:
        return self._launcher.isolation

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
        limit = self._memory_bytes
        while True:
            await asyncio.sleep(_LOOK_S)
            kept = {one.pid: one for one in self._running.all()}
            used = await asyncio.to_thread(used_by, kept) if kept else {}
            for pid, amount in used.items():
                if amount > limit and not kept[pid].condemned:
                    _log.warning("a command held too much memory", bytes=amount)
                    reason = TOO_MUCH_MEMORY.format(limit >> 20)
                    self._tasks.create_task(kept[pid].condemn(reason))
            await self._disk.look(self._running.by_project, self._tasks)

    @override
    async def recover(self) -> int:
        """End what earlier instances have left; return how many processes."""
        return await asyncio.to_thread(end_marked, mark_of(self._layout.root))

    @override
    async def launch(
        self, project_id: UUID, command: Command, on_output: OnOutput
    ) -> Process:
        self._running.admit()
        await self._disk.admit(project_id)
        registries = await self._find_registries() if command.installs else None
        modules = await self._modules(project_id)
        ours, theirs = socket.socketpair()
        try:
            plan = self._launcher.plan(
                project_id, command, registries, theirs.fileno(), modules
            )
            process = await self._spawn(plan, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        kept = KeptProcess(process, ours, plan, on_output)
        self._tasks.create_task(self._running.keep(project_id, kept, kept.keep()))
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

    async def _find_registries(self) -> Registries:
        if self._registries is None:
            self._registries = await find_registries(self._tools, self._environ)
        return self._registries

    async def _spawn(
        self, plan: Plan, control: socket.socket
    ) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *plan.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                pass_fds=(control.fileno(), *plan.pass_fds),
                start_new_session=True,
            )
        except OSError as exc:
            if plan.info_fd is not None:
                os.close(plan.info_fd)
            raise RuntimeFailed(f"{plan.argv[0]}: {exc.strerror}.") from exc
        finally:
            for handle in plan.pass_fds:
                os.close(handle)

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


class KeptProcess(Kept):
    """One command and its keeper."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        control: socket.socket,
        plan: Plan,
        on_output: OnOutput,
    ) -> None:
        super().__init__(Control(control), on_output)
        self._process = process
        self._plan = plan

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
