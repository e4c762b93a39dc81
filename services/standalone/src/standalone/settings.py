"""What a person may set for Atelier on one machine."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Settings(msgspec.Struct, frozen=True):
    """Each field is the environment variable of its name; none has to be set."""

    port: Port = 3000
    """The one door: page, api, sockets and previews."""
    host: str = "localhost"
    """Where the door listens; anything but localhost lets others in, unencrypted."""
    data_dir: Path = Path(".data")
    """Database, streams, secrets, sandboxes: all that a second start finds again."""
    nats_url: str | None = None
    """Servers of yours, in place of the embedded one."""
    database_url: str | None = None
    """A database of yours, in place of the embedded one; its user owns the tables."""
    secret_key: str | None = None
    """Signs what is handed out; by default one that is made and kept in data_dir."""
    public_url: str | None = None
    """How browsers reach the door; by default http://localhost:PORT."""
    preview_domain: str = "preview.localhost"
    """Below it each preview has a host name."""
    sandbox_runtime: Literal["auto", "docker", "process", "kubernetes"] = "auto"
    docker_host: str = "unix:///var/run/docker.sock"
    """The container engine, with sandbox_runtime `docker`."""
    sandbox_image: str = "atelier-sandbox"
    """What containers are made of; `deploy/sandbox.Dockerfile` makes it."""
    sandbox_oci_runtime: str = ""
    """One of the engine's runtimes, or a RuntimeClass of the cluster, such as runsc;
    empty: its default."""
    kubeconfig: str = ""
    """The cluster, with sandbox_runtime `kubernetes`; empty: the one we run in."""
    sandbox_namespace: str = "atelier-apps"
    """Where pods of apps are."""
    openrouter_api_key: str | None = None
    """Without it (and without openrouter_base_url) the built-in demo model answers."""
    openrouter_base_url: str | None = None
    """Any server of the same protocol, such as a model on this machine."""
    log_format: Literal["console", "json"] = "console"
    """How the services write their lines: for a person, or one JSON object each."""

    @property
    def url(self) -> str:
        """Where a person opens Atelier."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def with_demo_model(self) -> bool:
        """Tell whether no language model was named."""
        return self.openrouter_api_key is None and self.openrouter_base_url is None
