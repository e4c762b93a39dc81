"""An installation by deploy/compose.yaml, as it is, on an engine of a test."""

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from standalone.ports import free_port
from tests.deploy.bases import TOOLS
from tests.support.engine import client
from tests.support.npm import ROOT

DEPLOY = ROOT / "deploy"
BUILT = ("api", "gateway-ws", "agent", "sandbox", "provision", "demo-model")
_NAME = "atelier-test"
_WORD_S = 900


class Composed:
    """One installation with its secrets and settings in *folder*."""

    def __init__(self, folder: Path, engine: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.secrets = folder / "secrets"
        self._engine = engine
        self._folder = folder
        self._environment = {
            **os.environ,
            "DOCKER_HOST": engine,
            "DOCKER_BUILDKIT": "0",  # needs a plugin that no package has
        }
        hosts = settings.pop("NATS_SERVERS", "nats:4222")
        subprocess.run(
            [str(DEPLOY / "secrets.sh"), str(self.secrets)],
            env={**os.environ, "NATS_SERVERS": hosts},
            check=True,
        )
        chosen = {
            "SECRETS": str(self.secrets),
            "HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "HTTPS_LISTEN": f"127.0.0.1:{free_port()}",
            "PUBLIC_URL": self.url,
            "DEMO_CHARACTERS_PER_SECOND": "6000",
            # Nobody here may raise limits.
            "GATEWAY_FILES": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            **settings,
        }
        text = (DEPLOY / ".env.example").read_text(encoding="utf-8")
        lines = [f"{name}={value}" for name, value in chosen.items()]
        (folder / "env").write_text(text + "\n".join(lines), encoding="utf-8")
        # An engine without a network of its own builds in the machine's.
        network = {name: {"build": {"network": "host"}} for name in BUILT}
        (folder / "build.json").write_text(json.dumps({"services": network}))

    def compose(self, *words: str, given: str | None = None) -> str:
        """Run a command of compose with *given* to read; return what it printed."""
        done = subprocess.run(
            [
                *(str(TOOLS / "docker-compose"), "-p", _NAME),
                *("--env-file", str(self._folder / "env")),
                *("-f", str(DEPLOY / "compose.yaml")),
                *("-f", str(self._folder / "build.json"), *words),
            ],
            env=self._environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=_WORD_S,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr[-4000:]}"
        return done.stdout

    def up(self) -> None:
        """Start everything, and wait until it is healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300")

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what the engine says of each container, by service."""
        with client(self._engine) as engine:
            listed = engine.get("/containers/json", params={"all": "true"}).json()
            found = {}
            for one in listed:
                labels = one["Labels"]
                if labels.get("com.docker.compose.project") == _NAME:
                    inspected = engine.get(f"/containers/{one['Id']}/json").json()
                    found[labels["com.docker.compose.service"]] = inspected
        return found

    def inside(self, service: str, *words: str, given: str | None = None) -> str:
        """Run a program in the container of a service; return what it prints."""
        # Where the official image has the socket of Postgres by itself.
        socket = ("-e", "PGHOST=/var/run/postgresql")
        return self.compose("exec", "-T", *socket, service, *words, given=given)


@contextmanager
def composed(folder: Path, engine: str, **settings: str) -> Iterator[Composed]:
    """Lend an installation that runs; nothing of it is left afterwards."""
    installation = Composed(folder, engine, **settings)
    installation.compose("--profile", "*", "down", "-v", "--timeout", "2")
    for name in BUILT:  # one after the other: they share most of what is built
        installation.compose("build", name)
    installation.up()
    try:
        yield installation
    finally:
        installation.compose("--profile", "*", "down", "-v", "--timeout", "2")
