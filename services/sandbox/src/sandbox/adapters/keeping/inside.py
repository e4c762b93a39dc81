"""How a command is run in an image of ours, whoever has made a container of it."""

from pathlib import Path

from msgspec import Struct

from sandbox.adapters.keeping import launch, system_calls
from sandbox.adapters.keeping.keeper import Spec
from sandbox.adapters.toolbox import Registries
from sandbox.domain.limits import STOP_S
from sandbox.ports import Command

SERVER_PORT = 3000
EGRESS_PORT = 3128
_EGRESS_URL = f"http://127.0.0.1:{EGRESS_PORT}"
_LOOKS = {"CHOKIDAR_USEPOLLING": "1", "WATCHPACK_POLLING": "true"}
"""What makes dev servers look at their files, instead of waiting to be told."""
_NAMES = {"python": "python3"}
"""Tools whose names in an image are not those of `ports.Command`."""


class Inside(Struct, frozen=True):
    """Where a command finds things."""

    app: str
    home: str
    cache: str
    """Downloaded packages, for a command that installs."""
    certificates: str | None
    """Whom this machine trusts beside the usual."""
    preview_domain: str
    bun: str | None = None
    """The program, where there is one."""
    notices: bool = True
    """Whether it is told when the service writes a file; otherwise it has to look."""

    def named(self, tool: str) -> str:
        """Return what a tool of `ports.Command` is called there."""
        if tool == "bun" and self.bun is not None:
            return self.bun
        return _NAMES.get(tool, tool)


def spec(
    inside: Inside,
    command: Command,
    registries: Registries | None,
    *,
    shares: bool = False,
) -> Spec:
    """Return what its keeper is told; *registries* are there if it installs.

    Where it *shares* its processes and network with other commands of its project, a
    user of its own bounds how many processes there are.
    """
    port = SERVER_PORT if command.serves else 0
    argv = launch.as_arguments(list(command.argv), port)
    if "/" not in argv[0]:
        argv = ["/usr/bin/env", inside.named(argv[0]), *argv[1:]]
    made: Spec = {
        "argv": argv,
        "env": {**command.variables, **_environment(inside, port, registries)},
        "cwd": inside.app,
        "uid": None,
        "drop": False,
        "port": port,
        "egress": 0 if registries is None else EGRESS_PORT,
        "limits": launch.limits(processes=shares),
        "tree": shares,
        "grace_s": STOP_S,
        "cgroup": True,
    }
    if shares:
        made["others"] = [EGRESS_PORT]
    filtered = system_calls.program()
    if filtered is not None:
        made["filter"] = filtered.hex()
    return made


def _environment(
    inside: Inside, port: int, registries: Registries | None
) -> dict[str, str]:
    bundle = None if inside.certificates is None else Path(inside.certificates)
    found = launch.base_environment(
        Path("/usr/local/sbin"), inside.home
    ) | launch.trust_environment(bundle)
    if not inside.notices:
        found |= _LOOKS
    if port:
        found |= launch.server_environment(port, inside.preview_domain)
    if registries is not None:
        proxies = {"HTTPS_PROXY": _EGRESS_URL, "HTTP_PROXY": _EGRESS_URL}
        found |= launch.install_environment(registries, inside.cache, proxies)
        found |= {"npm_config_proxy": _EGRESS_URL, "npm_config_noproxy": ""}
        found["npm_config_https_proxy"] = _EGRESS_URL
        if bundle is not None:
            found["npm_config_cafile"] = str(bundle)
    return found
