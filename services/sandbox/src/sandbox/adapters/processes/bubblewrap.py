"""Commands in namespaces of their own, made by bubblewrap.

Inside there are the project's folder, the system's programs read-only, and a network
that leads nowhere. The preview comes in and an install goes out over sockets that the
keeper makes inside and hands to the service, so that there is nothing on a disk that an
app could put something else in place of.

As root each project runs as a user of its own. As anybody else it does so inside a user
namespace, and is that person to the rest of the machine, of which it sees nothing.
"""

import asyncio
import itertools
import os
import shutil
from pathlib import Path
from typing import Literal
from uuid import UUID

from typing_extensions import override

from chassis import logs
from sandbox.adapters.files.layout import FIRST_UID, Layout
from sandbox.adapters.keeping import launch, system_calls
from sandbox.adapters.keeping.launch import Launcher, Mounted, Plan
from sandbox.adapters.processes.leftovers import new_mark
from sandbox.adapters.toolbox import Registries, Toolbox
from sandbox.domain.limits import STOP_S
from sandbox.ports import Command, Isolation

_log = logs.get(__name__)

_APP = "/app"
_HOME = "/home/app"
_CACHE = "/cache"
_TOOLS = "/opt/tools"
_KEEPER = "/opt/keeper.py"
_SERVER_PORT = 3000
_EGRESS_PORT = 3128
_EGRESS_URL = f"http://127.0.0.1:{_EGRESS_PORT}"
_TEMPORARY_BYTES = 134_217_728
_SHARED_MEMORY_BYTES = 67_108_864
_PROBE_S = 10.0

# What programs look at in /etc, beside the files that we write ourselves.
_ETC = (
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/alternatives",
)
_ETC_FILES = {
    "passwd": "root:x:0:0::/:/bin/false\napp:x:{uid}:{uid}::" + _HOME + ":/bin/sh\n",
    "group": "root:x:0:\napp:x:{uid}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib64", "/lib32", "/nix")
_USER = 1000
_BECOME = f"""
import os
os.setgroups([])
os.setresgid({FIRST_UID}, {FIRST_UID}, {FIRST_UID})
os.setresuid({FIRST_UID}, {FIRST_UID}, {FIRST_UID})
"""

_CLOSED = ("--remount-ro", "/dev", "--remount-ro", "/")
"""What is made for the mounts to lie in is memory, of which nobody has a bound."""

Users = Literal["own", "mapped"]


class BubblewrapLauncher(Launcher):
    """Starts commands in namespaces; see `find` for whether that works here."""

    def __init__(
        self,
        program: str,
        users: Users,
        layout: Layout,
        tools: Toolbox,
        preview_domain: str,
        *,
        is_old: bool = False,
    ) -> None:
        self._program = program
        self._users = users
        self._is_old = is_old
        """Releases before 0.8 bound neither nested user namespaces nor a tmpfs."""
        self._layout = layout
        self._tools = tools
        self._preview_domain = preview_domain
        self._filter = system_calls.program()
        for name, text in _ETC_FILES.items():
            content = text.replace("{uid}", str(_USER))
            file = layout.etc / name
            file.write_text(content, encoding="utf-8")
            file.chmod(0o644)

    @property
    @override
    def isolation(self) -> Isolation:
        return Isolation(
            name="bubblewrap",
            files=True,
            processes=True,
            network=True,
            own_user=self._users == "own",
            system_calls=self._filter is not None,
            memory=True,
        )

    @override
    def plan(
        self,
        project_id: UUID,
        command: Command,
        registries: Registries | None,
        control_fd: int,
        modules: Mounted | None = None,
    ) -> Plan:
        box = self._layout.box(project_id)
        argv = self._tools.command(command.argv)
        port = _SERVER_PORT if command.serves else 0
        keeper = [str(self._tools.python), "-I", "-S", _KEEPER, str(control_fd)]
        reading, writing = os.pipe()
        passed = [writing]
        options = [*self._namespaces(), *self._mounts(box.app, box.home)]
        options += ["--info-fd", str(writing), *self._filtered(passed)]
        entry: list[str] = []
        if modules is not None:
            entry = modules.entry
            options += ["--bind", str(modules.folder), f"{_APP}/node_modules"]
        if registries is not None:
            cache = box.cache if self._users == "own" else self._layout.cache
            options += ["--bind", str(cache), _CACHE]
            if registries.certificates is not None:
                options += _parents(registries.certificates)
                options += ["--ro-bind-try", *[registries.certificates] * 2]
        options += _CLOSED
        mark = new_mark(self._layout.root, self._layout.born(project_id))
        leaves = registries is not None or command.reaches is not None
        way = _EGRESS_PORT if leaves else 0
        own = self._users == "own"
        return Plan(
            argv=[*entry, self._program, *options, "--", *keeper, mark],
            mark=mark,
            spec={
                "argv": launch.as_arguments(argv, port, way),
                "env": {**command.variables, **self._environment(port, registries)},
                "cwd": _APP,
                "uid": self._layout.own_uid(project_id) if own else None,
                "drop": own,
                "port": port,
                "egress": way,
                "limits": launch.limits(processes=True),
                "tree": False,
                "grace_s": STOP_S,
            },
            pass_fds=tuple(passed),
            info_fd=reading,
        )

    async def probe(self) -> str | None:
        """Make a sandbox as for an app; return why that failed, if it did."""
        nothing = self._layout.etc
        passed: list[int] = []
        options = [*self._namespaces(), *self._mounts(nothing, nothing)]
        options += [*self._filtered(passed), *_CLOSED]
        python = str(self._tools.python)
        script = _BECOME if self._users == "own" else ""
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._program, *options, "--", python, "-I", "-S", "-c", script),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={},
                pass_fds=passed,
            )
        finally:
            for handle in passed:
                os.close(handle)
        try:
            async with asyncio.timeout(_PROBE_S):
                _, said = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return "it did not end"
        if process.returncode == 0:
            return None
        return said.decode(errors="replace").strip() or "it failed"

    def _filtered(self, passed: list[int]) -> list[str]:
        """Return the options for system calls, and add the filter to what is passed."""
        if self._filter is None:
            return []
        handle = _in_memory(self._filter)
        passed.append(handle)
        return ["--seccomp", str(handle)]

    def _namespaces(self) -> list[str]:
        options = [
            *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
            *("--unshare-cgroup-try", "--die-with-parent", "--new-session"),
            *("--clearenv", "--hostname", "sandbox"),
        ]
        if self._users == "mapped":
            user = str(_USER)
            options += ["--unshare-user", "--uid", user, "--gid", user]
            return options if self._is_old else [*options, "--disable-userns"]
        # Mounts are made by root, who alone can reach every folder; then the keeper
        # uses these two, once, to become the project's user.
        options += ["--cap-drop", "ALL"]
        return [*options, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]

    def _mounts(self, app: Path, home: Path) -> list[str]:
        options = ["--ro-bind", "/usr", "/usr"]
        for name in _SYSTEM_FOLDERS:
            folder = Path(name)
            if folder.is_symlink():
                options += ["--symlink", os.readlink(folder), name]  # noqa: PTH115 - as it is
            elif folder.is_dir():
                options += ["--ro-bind", name, name]
        options += ["--proc", "/proc", "--dev", "/dev"]
        if self._users == "mapped" and launch.is_root():
            # Settings of the kernel ask for the user alone, and outside this is root.
            options += ["--ro-bind", "/proc/sys", "/proc/sys"]
        options += self._in_memory("/tmp", _TEMPORARY_BYTES)  # noqa: S108 - the sandbox's
        options += self._in_memory("/dev/shm", _SHARED_MEMORY_BYTES)  # noqa: S108 - the same
        options += _parents(*_ETC, _TOOLS, _HOME, *map(str, self._tools.roots))
        for name in _ETC:
            options += ["--ro-bind-try", name, name]
        for name in _ETC_FILES:
            options += ["--ro-bind", str(self._layout.etc / name), f"/etc/{name}"]
        for root in self._tools.roots:
            options += ["--ro-bind", str(root), str(root)]
        options += ["--ro-bind", str(self._layout.tools), _TOOLS]
        options += ["--ro-bind", str(launch.KEEPER), _KEEPER]
        # The keeper enters /app: nobody but the project's user may.
        return [*options, "--bind", str(app), _APP, "--bind", str(home), _HOME]

    def _in_memory(self, folder: str, size: int) -> list[str]:
        """Return a folder for everybody inside, with a bound that the kernel keeps."""
        bound = [] if self._is_old else ["--size", str(size)]
        return [*bound, "--perms", "1777", "--tmpfs", folder]

    def _environment(self, port: int, registries: Registries | None) -> dict[str, str]:
        found = launch.base_environment(Path(_TOOLS), _HOME)
        found |= launch.trust_environment(self._tools.certificates)
        if port:
            found |= launch.server_environment(port, self._preview_domain)
        if registries is not None:
            proxies = {"HTTPS_PROXY": _EGRESS_URL, "HTTP_PROXY": _EGRESS_URL}
            found |= launch.install_environment(registries, _CACHE, proxies)
            found |= {"npm_config_proxy": _EGRESS_URL, "npm_config_noproxy": ""}
            found["npm_config_https_proxy"] = _EGRESS_URL
        return found


def _parents(*paths: str) -> list[str]:
    """Make the folders above *paths*: those that bubblewrap makes let nobody pass."""
    above = {str(folder) for path in paths for folder in Path(path).parents}
    above -= {"/"}
    return [word for folder in sorted(above) for word in ("--dir", folder)]


def _in_memory(data: bytes) -> int:
    handle = os.memfd_create("filter")
    os.write(handle, data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


async def find(
    layout: Layout, tools: Toolbox, preview_domain: str, path: str
) -> BubblewrapLauncher | None:
    """Return a launcher that was seen to work on this machine, or None."""
    program = shutil.which("bwrap", path=path)
    if program is None:
        _log.info("bubblewrap is not installed")
        return None
    users: tuple[Users, ...] = ("own", "mapped") if launch.is_root() else ("mapped",)
    for one, is_old in itertools.product(users, (False, True)):
        launcher = BubblewrapLauncher(
            program, one, layout, tools, preview_domain, is_old=is_old
        )
        reason = await launcher.probe()
        if reason is None:
            return launcher
        _log.info("bubblewrap does not work here", users=one, reason=reason)
    return None
