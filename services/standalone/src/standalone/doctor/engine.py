"""Checks of the container engine, where apps are to run in containers."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
import msgspec

from standalone.doctor.finding import Finding, fine, problem
from standalone.settings import Settings

_ABOUT = "Engine"
_SOCKET = "unix://"
_ASK_S = 10.0


class _Info(msgspec.Struct, rename="pascal"):
    server_version: str = "?"
    runtimes: dict[str, msgspec.Raw] = {}


async def engine(settings: Settings) -> AsyncIterator[Finding]:
    """Ask it whether it has what the settings name."""
    if settings.sandbox_runtime != "docker":
        return
    host = settings.docker_host
    if not host.startswith(_SOCKET):
        yield problem(_ABOUT, f"DOCKER_HOST={host} is no socket of this machine.")
        return
    transport = httpx.AsyncHTTPTransport(uds=host.removeprefix(_SOCKET))
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://engine", timeout=_ASK_S
        ) as http:
            said = (await http.get("/info")).raise_for_status()
            info = msgspec.json.decode(said.content, type=_Info)
            image = await http.get(f"/images/{settings.sandbox_image}/json")
    except (httpx.HTTPError, msgspec.MsgspecError) as exc:
        reason = str(exc) or repr(exc)
        yield problem(_ABOUT, f"{host} does not answer as an engine does: {reason}.")
        return
    yield fine(_ABOUT, f"Version {info.server_version} answers at {host}.")
    yield _runtime(settings.sandbox_oci_runtime, info)
    if image.status_code == HTTPStatus.OK:
        yield fine(_ABOUT, f"The image {settings.sandbox_image} is there.")
    else:
        yield problem(
            _ABOUT,
            f"There is no image {settings.sandbox_image}: `docker build -t "
            f"{settings.sandbox_image} -f deploy/sandbox.Dockerfile deploy`.",
        )


def _runtime(name: str, info: _Info) -> Finding:
    if not name:
        return fine(_ABOUT, "Containers have its default runtime.")
    # A name with dots is a program that it looks for when a container starts.
    if name in info.runtimes or "." in name:
        return fine(_ABOUT, f"Containers have the runtime {name}.")
    known = ", ".join(sorted(info.runtimes))
    return problem(
        _ABOUT,
        f"SANDBOX_OCI_RUNTIME={name}, but it knows only {known}: name the runtime in "
        "its daemon.json, or leave the setting empty.",
    )
