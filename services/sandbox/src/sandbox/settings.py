"""What the environment says, read once."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct


class Settings(Struct, frozen=True):
    """Settings of the sandbox service; each is the environment variable of its name."""

    nats_url: str
    """Servers of the bus, with this service's user and password."""
    secret_key: str
    """Makes the names of previews unguessable; another key is other names."""
    http_port: int
    """For /health, /ready, /metrics and /isolation."""
    preview_port: int
    """For previews, by host name; whoever listens to the world passes them on."""
    sandbox_dir: Path
    """Folders of apps. All of it can be made again from the log."""
    http_host: str = "127.0.0.1"
    preview_domain: str = "preview.localhost"
    """Each preview is a name below it. Browsers find *.localhost by themselves."""
    public_url: str = "http://localhost:3000"
    """How a person reaches the door in front of all services; gives previews a port."""
    any_address: bool = False
    """Whether the door listens to more than this machine, whatever its address is."""
    sandbox_runtime: Literal["auto", "docker", "process", "kubernetes"] = "auto"
    """How apps are run: in containers, in pods, or as processes of this machine, which
    needs nothing installed and is what `auto` takes."""
    docker_host: str = "unix:///var/run/docker.sock"
    """The container engine: a socket of this machine, whose paths are our paths."""
    kubeconfig: str = ""
    """File that names a cluster and an account; empty: the cluster that this service
    runs in, with the account of its pod."""
    sandbox_namespace: str = "atelier-apps"
    """Where pods of apps are, and nothing else is; see deploy/kubernetes."""
    sandbox_owner: str = "sandbox"
    """Tells the pods of this installation from those of another one in the namespace.
    All controllers of an installation have the same: a pod whose controller is gone is
    removed by another."""
    sandbox_image: str = "atelier-sandbox"
    """Image of containers and pods; `deploy/sandbox.Dockerfile` makes it."""
    sandbox_oci_runtime: str = ""
    """One of the engine's runtimes, or one of the cluster's RuntimeClasses, such as a
    stricter one; empty: the default. One of an engine has to let containers open the
    sockets that are mounted into them, which is tried at the start."""
    sandbox_isolation: Literal["auto", "bubblewrap", "process"] = "auto"
    """`auto` takes bubblewrap where it works. Without it, apps of people who do not
    trust each other are not kept apart: then `process` has to be asked for."""
    sandbox_address: str = ""
    """Where other controllers reach our previews, as host:port, and nobody else's;
    empty: there is no other one. With several, each project has one at a time."""
    sandbox_lease_s: float = 15.0
    """Seconds of silence after which the projects of a controller go to others; the
    first that starts decides. Long enough for a cluster of the bus that has lost a
    server, which keeps no leases for up to nine seconds."""
    stream_replicas: int = 1
    """Copies of the leases; 3 in a cluster."""
    sandbox_idle_s: float = 900.0
    """Seconds without a visitor after which an app is stopped until the next."""
    sandbox_page_check: bool = True
    """Whether a Chromium on the PATH looks at the page of an app that has changed, for
    errors to repair; only where apps are kept from the network."""
    sandbox_templates: bool = True
    """Packages that most apps need are installed once, in the background, and lent to
    apps. Takes 0.5 GiB of disk and, at the first start, half a minute of work."""
    sandbox_templates_dir: Path | None = None
    """Where they lie; several installations may share it. None: in `sandbox_dir`."""
    sandbox_hot_mib: int = 256
    """Memory for sandboxes that run before they are asked for, of which each holds
    about 160 MiB; 0: none. None either where the machine has less than 4 GiB."""
    sandbox_free_mib: int = 1024
    """Room that should stay free on the disk of `sandbox_dir`. With less, folders of
    apps that nobody uses go, and come back with the next visit; with a quarter of it
    nothing starts, and the app that has most is ended. 0: nobody looks."""
    sandbox_disk_mib: int = 2048
    """Room for all that one app has on the disk, its packages too. The kernel keeps to
    it where the service is root and there are loop devices and `mkfs.ext4`; elsewhere
    somebody looks. Folders made with another size are made anew, from the log."""
    node_bin: str = ""
    """Folder of node, or node itself; empty: the one on the PATH."""

    @property
    def uses_pods(self) -> bool:
        """Whether apps are run in a cluster."""
        return self.sandbox_runtime == "kubernetes"

    @property
    def is_local(self) -> bool:
        """Whether only people at this machine reach the door."""
        if self.any_address:
            return False
        host = urlsplit(self.public_url).hostname or ""
        return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
