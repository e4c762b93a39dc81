"""A container engine, asked for no more than what a sandbox needs, and never for long.

Every question has a time limit of its own, because the client has none, and every
failure is one exception: an engine that was asked in vain has an unknown state, which
is what the next pass over what is there is for.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiodocker
import aiohttp
from aiodocker import DockerError
from msgspec import Struct

from sandbox.adapters.containers.container_body import LABEL, PROJECT_LABEL

_START_S = 30.0
_ASK_S = 10.0


class EngineFailed(Exception):
    """The engine refused, or did not answer; one sentence says which."""


class NotThere(EngineFailed):
    """There is no such container, or no such image."""


class Found(Struct, frozen=True):
    """A container of ours, whoever has made it."""

    name: str
    project: str


class Ending(Struct, frozen=True):
    """How a container has ended, as the engine saw it."""

    code: int
    out_of_memory: bool


class Engine:
    """The containers of one installation of this service."""

    def __init__(self, client: aiodocker.Docker, installation: str) -> None:
        self._client = client
        self._containers = client.containers
        self._volumes: Any = client.volumes  # it has no types
        self._removing: dict[str, asyncio.Lock] = {}
        self.installation = installation

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def create(self, name: str, body: Mapping[str, Any]) -> None:
        """Make a container that does not run yet."""
        async with _asked(_START_S):
            await self._containers.create(dict(body), name=name)

    async def start(self, name: str) -> None:
        """Start a container."""
        async with _asked(_START_S):
            await self._containers.container(name).start()

    async def ending(self, name: str) -> Ending:
        """Tell how a container has ended, as soon as the engine knows."""
        container = self._containers.container(name)
        async with _asked(_ASK_S):
            # It hears of an end after us: until then it would say 0.
            await container.wait()
            state = (await container.show())["State"]
        return Ending(int(state["ExitCode"]), bool(state["OOMKilled"]))

    async def remove(self, name: str) -> None:
        """End a container and forget it; nothing to do where there is none."""
        # Engines refuse who comes second, instead of letting him wait for the end.
        lock = self._removing.setdefault(name, asyncio.Lock())
        try:
            async with lock, _asked(_START_S):
                await self._containers.container(name).delete(force=True, v=True)
        except NotThere:
            pass
        finally:
            self._removing.pop(name, None)

    async def own(self) -> list[Found]:
        """Return all containers of this installation, running or not."""
        filters = json.dumps({"label": [f"{LABEL}={self.installation}"]})
        async with _asked(_ASK_S):
            listed = await self._containers.list(all=1, filters=filters)
        # One whose removal was cut short has no name any more.
        return [
            Found(
                str((one["Names"] or [one["Id"]])[0]).removeprefix("/"),
                str(one["Labels"].get(PROJECT_LABEL)),
            )
            for one in listed
        ]

    async def volumes(self) -> list[str]:
        """Return the names of all volumes of this installation."""
        filters = {"label": [f"{LABEL}={self.installation}"]}
        async with _asked(_ASK_S):
            listed = await self._volumes.list(filters=filters)
        return [str(one["Name"]) for one in listed["Volumes"] or ()]

    async def remove_volume(self, name: str) -> None:
        """Forget a volume that no container has; nothing to do where there is none."""
        try:
            async with _asked(_ASK_S):
                await (await self._volumes.get(name)).delete()
        except NotThere:
            pass

    async def check(self) -> None:
        """Make a round trip, for readiness.

        Raises:
            EngineFailed: It does not answer.

        """
        async with _asked(_ASK_S):
            await self._client.version()

    async def knows(self, oci_runtime: str) -> None:
        """See that containers can have *oci_runtime*.

        Raises:
            EngineFailed: It does not answer, or knows no such runtime.

        """
        known = (await self.info()).get("Runtimes") or {}
        # A name with dots is a program that it looks for when a container starts.
        if oci_runtime not in known and "." not in oci_runtime:
            names = ", ".join(sorted(known))
            raise EngineFailed(
                f"The container engine knows no runtime {oci_runtime}, but {names}."
            )

    async def info(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        async with _asked(_ASK_S):
            return dict(await self._client.system.info())

    async def digest(self, image: str) -> str:
        """Return the id of an image, which names the same contents for ever."""
        async with _asked(_ASK_S):
            return str((await self._client.images.inspect(image))["Id"])


@asynccontextmanager
async def _asked(seconds: float) -> AsyncIterator[None]:
    """Bound a question in time, and make one kind of failure of all there are."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except DockerError as exc:
        kind = NotThere if exc.status == HTTPStatus.NOT_FOUND else EngineFailed
        raise kind(f"The container engine says: {exc.message.strip()}") from exc
    except TimeoutError as exc:
        raise EngineFailed(
            f"The container engine did not answer within {seconds:g} seconds."
        ) from exc
    except (OSError, aiohttp.ClientError, ValueError, KeyError) as exc:
        raise EngineFailed(f"The container engine failed: {exc!r}.") from exc
