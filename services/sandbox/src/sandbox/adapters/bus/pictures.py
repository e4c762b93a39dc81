"""How apps look, in a bucket of the bus that all sandbox controllers share.

Each controller keeps the picture of what it has checked beside the app's folder too;
here whoever is asked finds it, also when that machine is gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from nats import errors
from nats.js.api import KeyValueConfig
from nats.js.errors import APIError, KeyNotFoundError
from nats.js.kv import KeyValue
from typing_extensions import override

from chassis import logs
from contracts.sandbox import MAX_SCREENSHOT_BYTES
from contracts.subjects import PICTURES_BUCKET
from eventcore.adapters.nats import NatsBus
from eventcore.errors import Unavailable
from sandbox.ports import Pictures

_log = logs.get(__name__)

_MAX_BYTES = 512 << 20
"""Some ten thousand pictures; beyond that, apps that are checked have none here."""
_KEPT_S = 30 * 86_400.0
"""An app that nobody has checked for so long is shown without one."""
_ROOM_BYTES = 1024
"""For what stands around a picture in a message."""


class BucketPictures(Pictures):
    """Pictures as values, with projects as keys."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    @override
    async def keep(self, project_id: UUID, jpeg: bytes) -> None:
        try:
            with _translated():
                await self._bucket.put(str(project_id), jpeg)
        except Unavailable as exc:
            _log.warning("a screenshot is not shared", reason=str(exc))

    @override
    async def find(self, project_id: UUID) -> bytes | None:
        try:
            with _translated():
                entry = await self._bucket.get(str(project_id))
        except (KeyNotFoundError, Unavailable):
            return None
        return entry.value or None

    @override
    async def forget(self, project_id: UUID) -> None:
        with _translated():
            await self._bucket.purge(str(project_id))


async def open_pictures(bus: NatsBus, replicas: int) -> BucketPictures:
    """Return the pictures of all controllers on this bus.

    Raises:
        Unavailable: The bus has no streams, or does not answer.

    """
    jetstream = bus.client.jetstream()
    config = KeyValueConfig(
        bucket=PICTURES_BUCKET,
        ttl=_KEPT_S,
        max_bytes=_MAX_BYTES,
        max_value_size=MAX_SCREENSHOT_BYTES + _ROOM_BYTES,
        replicas=replicas,
    )
    with _translated():
        try:
            bucket = await jetstream.create_key_value(config)
        except APIError:
            bucket = await jetstream.key_value(PICTURES_BUCKET)
    return BucketPictures(bucket)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Unavailable for everything but that there is none."""
    try:
        yield
    except KeyNotFoundError:
        raise
    except (errors.Error, OSError, TimeoutError) as exc:
        raise Unavailable(f"screenshots of apps: {exc!r}") from exc
