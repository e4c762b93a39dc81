"""The service processes: what each is told about the others, and nothing more."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from standalone.machine.node import Node
from standalone.ports import free_port
from standalone.program import Program
from standalone.settings import Settings

# Set by us for those who need it; whatever else is in the environment passes.
_MANAGED = frozenset(
    {
        "ANY_ADDRESS",
        "DATABASE_URL",
        "DATA_DIR",
        "DEMO_MODEL",
        "HOST",
        "HTTP_HOST",
        "HTTP_PORT",
        "LISTEN_FDS",
        "LOG_FORMAT",
        "NATS_URL",
        "NODE_BIN",
        "OIDC_CLIENT_SECRET",
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
        "OPENROUTER_DESIGN_MODEL",
        "OPENROUTER_MODEL",
        "OPEN_ROUTER_API_KEY",
        "PORT",
        "PREVIEW_DOMAIN",
        "PREVIEW_PORT",
        "PUBLIC_URL",
        "SANDBOX_DIR",
        "SANDBOX_RUNTIME",
        "SECRET_KEY",
    }
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MODELS = ("OPENROUTER_MODEL", "OPENROUTER_DESIGN_MODEL")
_OIDC_SECRET = "OIDC_CLIENT_SECRET"  # noqa: S105 - the name of a variable
# Not a word: the agent takes its key out of whatever it shows or keeps.
_DEMO_KEY = "atelier-demo-model"
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class Backends:
    """What the services stand on; URLs by service, each with its own user."""

    nats_urls: Mapping[str, str]
    database_urls: Mapping[str, str]
    secret_key: str


@dataclass(frozen=True, slots=True)
class Service:
    """A process of ours, and the port on which it says that it is ready."""

    program: Program
    http_port: int


class Services:
    """Command lines and environments of all processes of ours, on ports that are free.

    The ports are drawn once, so that a process that starts again is found where it was.
    """

    def __init__(
        self, settings: Settings, data_dir: Path, node: Node | None, *, colors: bool
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._node = node
        self._colors = colors
        names = ("api", "gateway-ws", "agent", "sandbox", "edge", "demo-model")
        self._ports = {name: free_port() for name in names}
        self._preview_port = free_port()

    def targets(self) -> bytes:
        """Return where /metrics are, as Prometheus reads files of targets."""
        found = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"job": name}}
            for name, port in self._ports.items()
            if name != "demo-model" or self._settings.with_demo_model
        ]
        return msgspec.json.format(msgspec.json.encode(found))

    def demo_model(self) -> Service:
        """Return the model that answers when no other is named."""
        arguments = ("--port", str(self._ports["demo-model"]))
        return self._service("demo-model", "standalone.demo_model", {}, *arguments)

    def edge(self, listen_fds: tuple[int, ...]) -> Service:
        """Return the one door, which listens on sockets that are open already."""
        own = {
            "LISTEN_FDS": ",".join(map(str, listen_fds)),
            "API_PORT": str(self._ports["api"]),
            "GATEWAY_PORT": str(self._ports["gateway-ws"]),
            "PREVIEW_PORT": str(self._preview_port),
            "ANY_ADDRESS": str(self._settings.host != "localhost").lower(),
        }
        return self._service("edge", "standalone.edge", own, pass_fds=listen_fds)

    def api(self, backends: Backends) -> Service:
        """Return the api."""
        own = self._backends("api", backends) | self._demo()
        if secret := os.environ.get(_OIDC_SECRET):
            own[_OIDC_SECRET] = secret
        return self._service("api", "api", own)

    def gateway(self, backends: Backends) -> Service:
        """Return the WebSocket gateway."""
        own = self._backends("gateway", backends)
        return self._service("gateway-ws", "gateway_ws", own)

    def agent(self, backends: Backends) -> Service:
        """Return the agent, the only one that knows the model's key."""
        own = self._backends("agent", backends)
        return self._service("agent", "agent", own | self._demo() | self._model())

    def sandbox(self, backends: Backends) -> Service:
        """Return the sandbox controller."""
        own = self._backends("sandbox", backends) | {
            "PREVIEW_PORT": str(self._preview_port),
            "ANY_ADDRESS": str(self._settings.host not in _LOOPBACK).lower(),
            "SANDBOX_DIR": str(self._data_dir / "sandboxes"),
            "SANDBOX_RUNTIME": self._settings.sandbox_runtime,
        }
        if self._node is not None:
            own["NODE_BIN"] = str(self._node.folder)
        return self._service("sandbox", "sandbox", own)

    def _service(
        self,
        name: str,
        module: str,
        own: Mapping[str, str],
        *arguments: str,
        pass_fds: tuple[int, ...] = (),
    ) -> Service:
        port = self._ports[name]
        environment = self._common() | {"HTTP_PORT": str(port)} | dict(own)
        return Service(
            Program(
                name=name,
                argv=(sys.executable, "-m", module, *arguments),
                env=environment,
                pass_fds=pass_fds,
            ),
            port,
        )

    def _common(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if name not in _MANAGED
        }
        return (
            {"LOG_LEVEL": "INFO"}
            | inherited
            | {
                "HTTP_HOST": "127.0.0.1",
                "LOG_FORMAT": self._settings.log_format,
                "PREVIEW_DOMAIN": self._settings.preview_domain,
                "PUBLIC_URL": self._settings.url,
                "PYTHONUNBUFFERED": "1",
            }
            | ({"FORCE_COLOR": "1"} if self._colors else {})
        )

    def _backends(self, user: str, backends: Backends) -> dict[str, str]:
        own = {"NATS_URL": backends.nats_urls[user], "SECRET_KEY": backends.secret_key}
        if user in backends.database_urls:
            own["DATABASE_URL"] = backends.database_urls[user]
        return own

    def _demo(self) -> dict[str, str]:
        return {"DEMO_MODEL": "1"} if self._settings.with_demo_model else {}

    def _model(self) -> dict[str, str]:
        chosen = {name: os.environ[name] for name in _MODELS if os.environ.get(name)}
        if self._settings.with_demo_model:
            port = self._ports["demo-model"]
            base_url, key = f"http://127.0.0.1:{port}/api/v1", _DEMO_KEY
        else:
            base_url = self._settings.openrouter_base_url or ""
            key = self._settings.openrouter_api_key or _NO_KEY
        own = {"OPENROUTER_API_KEY": key}
        return chosen | own | ({"OPENROUTER_BASE_URL": base_url} if base_url else {})
