"""Which controller has which project, where there are several: leases in a bucket.

A key of the bucket is a project, its value the controller that has it, and its age is
bounded by the server: a controller that says nothing loses what it has. Each change
names the revision that it follows, so of two that want a project one gets it. A holder
counts from before it asked, and less than the server does: by the time that somebody
else can have the project it has let go, even if it was frozen or cut off. A controller
that listens where the holder did need not wait, because that one is gone.
"""

import asyncio
import time
from asyncio import TaskGroup
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID, uuid4

import msgspec
from nats import errors
from nats.js.api import KeyValueConfig
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from typing_extensions import override

from chassis import logs
from contracts.subjects import OWNERS_BUCKET
from eventcore.adapters.nats import NatsBus
from eventcore.errors import Unavailable
from sandbox.ports import Owner, Owners

_log = logs.get(__name__)

_MAX_BYTES = 16 << 20
"""Room that the server keeps: some 80,000 projects that are in use at a time."""
_KEPT = 0.8
"""The part of a lease for which its holder believes in it."""
_RENEWALS = 6
"""In the time of one lease."""
_RETRIES = 4
"""Of a renewal that failed, until the next one would be due: while a server of the bus
is lost, the others need four to nine seconds to agree on who keeps leases, and what
runs should not end for that."""
_ANSWER_S = 1.0
"""For one question to the bucket: whoever waits for us asks again."""
_FENCE_S = 0.2
_REMEMBERED_S = 1.0
"""How long it is believed that somebody else has a project."""
_REMEMBERED = 10_000
_TRIES = 3

_owners = msgspec.json.Decoder(Owner)


class _Lease(msgspec.Struct):
    revision: int
    renewed: float
    until: float


class Leases(Owners):
    """The projects of one controller, on a bucket that all of them share."""

    def __init__(self, bucket: KeyValue, me: Owner, ttl_s: float) -> None:
        self._bucket = bucket
        self._me = me
        self._ttl_s = ttl_s
        self._word = msgspec.json.encode(me)
        self._held: dict[UUID, _Lease] = {}
        self._others: dict[UUID, tuple[Owner, float]] = {}
        self._trouble = ""
        """Why the last renewal failed, if it did; told once."""
        self._closed = False

    @property
    @override
    def me(self) -> UUID | None:
        return self._me.id

    @override
    def is_ours(self, project_id: UUID) -> bool:
        lease = self._held.get(project_id)
        return lease is not None and time.monotonic() < lease.until

    @property
    @override
    def held(self) -> Collection[UUID]:
        return list(self._held)

    @override
    async def claim(self, project_id: UUID) -> Owner | None:
        if self.is_ours(project_id):
            return None
        owner, until = self._others.get(project_id, (None, 0.0))
        if owner is not None and time.monotonic() < until:
            return owner
        for _ in range(_TRIES):
            if self._closed:
                raise Unavailable("this sandbox controller is stopping")
            try:
                with suppress(KeyWrongLastSequenceError), _translated():
                    return await self._claim(project_id)
            except Unavailable:
                if owner is None:
                    raise
                # Whoever had it knows whether that is still so.
                self._remember(project_id, owner)
                return owner
        raise Unavailable("the owner of a sandbox changes all the time")

    async def _claim(self, project_id: UUID) -> Owner | None:
        begun = time.monotonic()
        found = await self._find(project_id)
        if found is None:
            revision = await self._bucket.create(str(project_id), self._word)
        elif not self._is_us(found[0]):
            self._remember(project_id, found[0])
            return found[0]
        else:
            last = found[1]
            revision = await self._bucket.update(str(project_id), self._word, last)
        until = begun + self._ttl_s * _KEPT
        self._held[project_id] = _Lease(revision, begun, until)
        return None

    def _is_us(self, owner: Owner) -> bool:
        """Tell whether that is this controller, or was: we listen in its place now."""
        return (owner.host, owner.port) == (self._me.host, self._me.port)

    async def _find(self, project_id: UUID) -> tuple[Owner, int] | None:
        try:
            entry = await self._bucket.get(str(project_id))
        except KeyNotFoundError:
            return None
        return _owners.decode(entry.value or b""), entry.revision or 0

    def _remember(self, project_id: UUID, owner: Owner) -> None:
        if len(self._others) >= _REMEMBERED:
            self._others.clear()
        self._others[project_id] = (owner, time.monotonic() + _REMEMBERED_S)

    @override
    async def release(self, project_id: UUID) -> None:
        lease = self._held.pop(project_id, None)
        if lease is not None:
            # Where that fails its time ends soon.
            with suppress(Unavailable, KeyWrongLastSequenceError), _translated():
                await self._bucket.delete(str(project_id), last=lease.revision)

    @override
    async def run(self, lost: Callable[[UUID], None]) -> None:
        async with TaskGroup() as loops:
            loops.create_task(self._renew_forever())
            loops.create_task(self._fence_forever(lost))

    async def _renew_forever(self) -> None:
        pause_s = self._ttl_s / _RENEWALS
        while True:
            await asyncio.sleep(pause_s / _RETRIES)
            before = time.monotonic() - pause_s
            due = [one for one, lease in self._held.items() if lease.renewed <= before]
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await asyncio.gather(*map(self._renew, due))

    async def _fence_forever(self, lost: Callable[[UUID], None]) -> None:
        while True:
            await asyncio.sleep(_FENCE_S)
            for project_id in self.held:
                if not self.is_ours(project_id):
                    del self._held[project_id]
                    _log.warning("a project went to others", project=str(project_id))
                    lost(project_id)

    async def _renew(self, project_id: UUID) -> None:
        lease = self._held.get(project_id)
        if lease is None:
            return  # it was given back meanwhile
        try:
            with _translated():
                begun = time.monotonic()
                try:
                    revision = await self._update(project_id, lease.revision)
                except KeyWrongLastSequenceError:
                    # An answer may have been lost: then the last word is still ours.
                    found = await self._find(project_id)
                    if found is None or found[0].id != self._me.id:
                        lease.until = 0.0
                        return
                    revision = await self._update(project_id, found[1])
        except (Unavailable, KeyWrongLastSequenceError) as exc:
            if str(exc) != self._trouble:
                self._trouble = str(exc)
                _log.warning("leases are not renewed", reason=self._trouble)
            return
        self._trouble = ""
        lease.revision, lease.renewed = revision, begun
        lease.until = begun + self._ttl_s * _KEPT

    async def _update(self, project_id: UUID, last: int) -> int:
        return await self._bucket.update(str(project_id), self._word, last)

    @override
    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*map(self.release, self.held))


async def open_leases(
    bus: NatsBus, address: tuple[str, int], ttl_s: float, replicas: int
) -> Leases:
    """Return the leases of a controller whose previews are reached at *address*.

    Whoever comes first chooses how long leases are.

    Raises:
        Unavailable: The bus has no streams, or does not answer.

    """
    jetstream = bus.client.jetstream(timeout=_ANSWER_S)
    config = KeyValueConfig(
        bucket=OWNERS_BUCKET, ttl=ttl_s, max_bytes=_MAX_BYTES, replicas=replicas
    )
    with _translated():
        try:
            bucket = await jetstream.create_key_value(config)
        except APIError:
            bucket = await jetstream.key_value(OWNERS_BUCKET)
        lasts_s = (await bucket.status()).ttl
    if not lasts_s:
        raise Unavailable(f"the bucket {OWNERS_BUCKET} keeps leases for ever")
    return Leases(bucket, Owner(uuid4(), *address), lasts_s)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Unavailable for everything but another's success."""
    try:
        yield
    except KeyWrongLastSequenceError:
        raise
    except (errors.Error, OSError, TimeoutError, msgspec.MsgspecError) as exc:
        raise Unavailable(f"leases of sandboxes: {exc!r}") from exc
