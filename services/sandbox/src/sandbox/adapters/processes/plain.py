"""Commands as plain processes: for machines without bubblewrap or user namespaces.

As root each project gets a user of its own. As anybody else an app can do what that
person can do: read their files, reach their network. `isolation` says so.
"""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from typing_extensions import override

from sandbox.adapters.files.layout import Box, Layout
from sandbox.adapters.keeping import launch
from sandbox.adapters.keeping.launch import Launcher, Mounted, Plan
from sandbox.adapters.processes.leftovers import VARIABLE, new_mark
from sandbox.adapters.toolbox import Registries, Toolbox
from sandbox.domain.limits import STOP_S
from sandbox.ports import Command, Isolation, RuntimeFailed


class PlainLauncher(Launcher):
    """Starts commands beside everything else on this machine."""

    def __init__(
        self,
        layout: Layout,
        tools: Toolbox,
        environ: Mapping[str, str],
        preview_domain: str,
    ) -> None:
        self._layout = layout
        self._tools = tools
        self._preview_domain = preview_domain
        names = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
        self._proxies = {
            name: value
            for name in names
            if (value := environ.get(name) or environ.get(name.lower()))
        }
        self._own_users = launch.is_root()

    @property
    @override
    def isolation(self) -> Isolation:
        return Isolation(
            name="process",
            files=False,
            processes=False,
            network=False,
            own_user=self._own_users,
            system_calls=False,
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
        if modules is not None:
            raise RuntimeFailed("Packages of a template cannot be mounted here.")
        box = self._layout.box(project_id)
        uid = self._layout.own_uid(project_id) if self._own_users else None
        argv = self._tools.command(command.argv)
        self._check_reach(Path(argv[0]), box, uid)
        port = _free_port() if command.serves else 0
        mark = new_mark(self._layout.root, self._layout.born(project_id))
        keeper = [sys.executable, "-I", "-S", str(launch.KEEPER), str(control_fd)]
        return Plan(
            argv=[*keeper, mark],
            mark=mark,
            spec={
                "argv": launch.as_arguments(argv, port),
                "env": {
                    **command.variables,
                    **self._environment(box, port, registries),
                    VARIABLE: mark,
                },
                "cwd": str(box.app),
                "uid": uid,
                "drop": False,
                "port": port,
                "egress": 0,
                "limits": launch.limits(processes=uid is not None),
                "tree": True,
                "grace_s": STOP_S,
            },
        )

    def _environment(
        self, box: Box, port: int, registries: Registries | None
    ) -> dict[str, str]:
        found = launch.base_environment(self._layout.tools, str(box.home))
        found |= launch.trust_environment(self._tools.certificates)
        if port:
            found |= launch.server_environment(port, self._preview_domain)
        if registries is not None:
            cache = box.cache if self._own_users else self._layout.cache
            found |= launch.install_environment(registries, str(cache), self._proxies)
        return found

    def _check_reach(self, program: Path, box: Box, uid: int | None) -> None:
        """Say what is wrong where the project's user cannot even start the program."""
        if uid is None:
            return
        for path in (program, box.app):
            for folder in path.parents if path.is_absolute() else ():
                if not folder.stat().st_mode & 0o001:
                    raise RuntimeFailed(
                        f"Apps have users of their own here, and these cannot pass "
                        f"{folder}: install bubblewrap, or start Atelier as a plain "
                        f"user."
                    )


def _free_port() -> int:
    """Return a port that is free now; whoever loses it to another starts again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
