"""The folders of projects on this machine's disk."""

import asyncio
import errno
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
from typing_extensions import override

from chassis import logs
from sandbox.adapters.files.beneath import Beneath
from sandbox.adapters.files.images import Images
from sandbox.adapters.files.layers import MODULES, Layers, has_room
from sandbox.adapters.files.layout import OURS, PASS, Disk, Layout, make_folder
from sandbox.ports import BadFolder, Folder, Folders, FolderState, RuntimeFailed

_log = logs.get(__name__)
_states = msgspec.json.Decoder(FolderState)

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_LITTLE_BYTES = 1_048_576
"""Where the machine has less than this left, it is not a disk of ours that is full."""
_GONE = ".gone"
"""Ends the name of a disk that nobody has any more."""
_FORMER = ("app", "home", "cache", "staging", "layer")
"""What earlier releases kept beside the state, and what is made anew on a disk."""


class DiskFolders(Folders):
    """One folder for each project, on a disk of its own where there are *images*."""

    def __init__(
        self,
        layout: Layout,
        *,
        own_users: bool,
        layers: Layers | None = None,
        images: Images | None = None,
    ) -> None:
        self._layout = layout
        self._own_users = own_users
        self._layers = layers or Layers(layout, None)
        self._images = images
        layout.make()

    @override
    def open(self, project_id: UUID) -> Folder:
        return self._open(project_id, self._images)

    def _open(self, project_id: UUID, images: Images | None) -> Folder:
        parts = (self._layout, self._layers, images)
        return DiskFolder(project_id, *parts, own_user=self._own_users)

    @override
    def open_spare(self, *, for_us: bool = False) -> tuple[UUID, Folder]:
        spare = uuid4()
        known = self._layout.spares / str(spare)
        with _told("The folder of a spare cannot be made"):
            make_folder(known, PASS)
            if for_us:
                make_folder(known / OURS, PASS)
        return spare, self._open(spare, None if for_us else self._images)

    @override
    def list_own(self) -> list[UUID]:
        found = []
        for entry in self._layout.boxes.iterdir():
            with suppress(ValueError):
                found.append(UUID(entry.name))
        return found

    def empty_trash(self) -> None:
        """Delete what nobody needs: removals cut short, spares of earlier instances."""
        for folder in (self._layout.trash, self._layout.spares):
            for entry in folder.iterdir():
                _delete(entry)
        owned = {str(self._layout.born(one)) for one in self.list_own()}
        for entry in self._layout.disks.iterdir():
            is_image = Disk(entry).image.exists()
            if entry.name not in owned or is_image != (self._images is not None):
                _delete(entry)
        for box in self._layout.boxes.iterdir():
            for former in [box / name for name in _FORMER if (box / name).is_dir()]:
                _delete(former)


class DiskFolder(Folder):
    """The folder of one project."""

    def __init__(
        self,
        project_id: UUID,
        layout: Layout,
        layers: Layers,
        images: Images | None,
        *,
        own_user: bool,
    ) -> None:
        self._layout = layout
        self._layers = layers
        self._images = images
        self._project_id = project_id
        self._own_user = own_user
        self._begin()

    def _begin(self) -> None:
        own = self._own_user
        self._box = self._layout.box(self._project_id)
        self._uid = self._layout.own_uid(self._project_id) if own else None
        self._beneath = Beneath(self._box.app, self._box.staging, self._uid)

    @property
    def _files(self) -> Beneath:
        """What the app has written; nothing where there is no folder yet."""
        self._open(make=False)
        return self._beneath

    def _open(self, *, make: bool) -> None:
        with self._told("The disk of the app cannot be had"):
            if self._images is not None:
                self._images.open(self._box.disk, make=make)

    def _make(self) -> None:
        self._open(make=True)
        self._box.make(self._uid)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say *what* could not be done, or whose disk is full."""
        with _told(what):
            try:
                yield
            except OSError as exc:
                if self._images is None or exc.errno not in _NO_ROOM:
                    raise
                if not has_room(self._layout.root, _LITTLE_BYTES):
                    raise
                raise BadFolder(self._images.sentence) from exc

    def _drop(self, disk: Disk) -> None:
        """Delete *disk*; what is mounted on it is let go of."""
        if self._images is not None:
            self._images.close(disk)
        grave = disk.path.with_name(f"{uuid4().hex}{_GONE}")
        with suppress(FileNotFoundError):
            disk.path.rename(grave)
            _delete(grave)

    @override
    async def state(self) -> FolderState:
        return await asyncio.to_thread(self._state)

    def _state(self) -> FolderState:
        try:
            return _states.decode(self._box.state.read_bytes())
        except FileNotFoundError:
            return FolderState()
        except msgspec.MsgspecError:
            # Everything in it can be had again but the epoch, whose holder is asked
            # again soon; a file cut short cannot come from `save`.
            _log.warning("the state of a sandbox is damaged", path=str(self._box.state))
            return FolderState()

    @override
    async def save(self, state: FolderState) -> None:
        await _to_the_end(partial(self._save, state))

    def _save(self, state: FolderState) -> None:
        with _told("The state of the sandbox cannot be kept"):
            make_folder(self._box.path, PASS)
            _write(self._box.state, msgspec.json.encode(state))

    @override
    async def apply(
        self, writes: Mapping[str, bytes], deletes: Collection[str]
    ) -> None:
        await _to_the_end(partial(self._apply, writes, deletes))

    def _apply(self, writes: Mapping[str, bytes], deletes: Collection[str]) -> None:
        with self._told("The folder of the app cannot be made"):
            self._make()
        for path in deletes:
            self._files.delete(path)
        for path, content in writes.items():
            with self._told(f"{path} cannot be written"):
                self._files.write(path, content)
        self._empty_staging()

    @override
    async def lacks(self, paths: Collection[str]) -> set[str]:
        def look() -> set[str]:
            return {path for path in paths if not self._files.is_file(path)}

        return await asyncio.to_thread(look)

    @override
    async def read(self, paths: Collection[str], max_bytes: int) -> dict[str, bytes]:
        def look() -> dict[str, bytes]:
            found = ((path, self._files.read(path, max_bytes)) for path in paths)
            return {path: data for path, data in found if data is not None}

        return await asyncio.to_thread(look)

    @override
    async def has_folder(self, name: str) -> bool:
        def look() -> bool:
            return self._files.is_folder(name)

        if not await asyncio.to_thread(look):
            return False
        if name == MODULES and self._box.layer.template.exists():
            with suppress(RuntimeFailed):
                return self._layers.overlay(self._box.layer) is not None
            return False
        return True

    @override
    async def lay(self, key: str, hidden: Sequence[str]) -> None:
        await self._layers.release(self._box.layer)
        try:
            await _to_the_end(partial(self._lay, key, hidden))
        finally:
            # Whoever waits for packages does not wait until those before are deleted.
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, _empty, self._box.trash)

    def _lay(self, key: str, hidden: Sequence[str]) -> None:
        box = self._box
        with self._told("The packages cannot be put in place"):
            self._make()
        self._clear()
        fresh = box.staging / uuid4().hex
        try:
            if self._layers.are_overlays:
                self._layers.prepare(fresh, key, hidden, self._uid)
                self._layers.put(fresh, key, box.layer)
                # What the rest is mounted on.
                fresh.mkdir()
                if self._uid is not None:
                    os.chown(fresh, self._uid, self._uid)
            else:
                self._layers.copy(key, hidden, fresh, self._uid)
            self._files.put_folder(fresh, MODULES)
        except (OSError, ValueError, subprocess.CalledProcessError) as exc:
            raise BadFolder(f"The packages cannot be put in place: {exc}.") from exc
        finally:
            box.staging.rename(box.trash / uuid4().hex)
            box.make(self._uid)

    @override
    async def adopt(self, spare: UUID) -> None:
        await self._layers.release(self._box.layer)
        await _to_the_end(partial(self._adopt, spare, self._layout.box(spare).path))

    def _adopt(self, spare: UUID, theirs: Path) -> None:
        before = self._box.disk
        with _told("A sandbox cannot be taken over"):
            make_folder(self._box.path, PASS)
            # With this their disk is ours, and a crash leaves one that nobody has.
            _write(self._box.origin, str(spare).encode())
        self._begin()
        self._drop(before)
        _delete(theirs)

    @override
    async def keep_screenshot(self, jpeg: bytes) -> None:
        def keep() -> None:
            # Without making the folder: the project may have ended meanwhile.
            with suppress(FileNotFoundError):
                _write(self._box.screenshot, jpeg)

        try:
            await _to_the_end(keep)
        except OSError as exc:
            _log.warning("a screenshot cannot be kept", reason=str(exc))

    @override
    async def screenshot(self, max_bytes: int) -> bytes | None:
        def look() -> bytes | None:
            with suppress(FileNotFoundError), self._box.screenshot.open("rb") as file:
                found = file.read(max_bytes + 1)
                return found if len(found) <= max_bytes else None
            return None

        return await asyncio.to_thread(look)

    @override
    async def lift(self) -> None:
        if self._box.layer.template.exists():
            await self._layers.release(self._box.layer)
            await _to_the_end(self._lift)

    def _lift(self) -> None:
        with self._told("The folder of the app cannot be made"):
            self._make()
        self._clear()
        self._empty_staging()

    def _clear(self) -> None:
        """Take away every package, whether laid or installed."""
        self._box.layer.template.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self._box.layer.path.rename(self._box.staging / uuid4().hex)
        self._files.make_room(MODULES)

    def _empty_staging(self) -> None:
        _empty(self._box.staging)

    @override
    async def remove(self) -> None:
        await self._layers.release(self._box.layer)
        await _to_the_end(self._remove)

    def _remove(self) -> None:
        grave = self._layout.trash / uuid4().hex
        with suppress(FileNotFoundError):
            self._box.path.rename(grave)
            _delete(grave)
        self._drop(self._box.disk)
        self._begin()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say *what* could not be done, or that the disk is full."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise BadFolder("There is no room left on the disk.") from exc
        raise BadFolder(f"{what}: {exc.strerror or 'unknown error'}.") from exc


def _write(path: Path, content: bytes) -> None:
    """Put a file in place, so that it survives a power cut."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _to_the_end(step: Callable[[], None]) -> None:
    """Run *step* in a thread, and wait for it even when cancelled.

    A thread cannot be cancelled: what it still writes must not meet what comes next.
    """
    thread = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait({thread})
        raise


def _empty(folder: Path) -> None:
    with suppress(FileNotFoundError):
        for entry in folder.iterdir():
            _delete(entry)


def _delete(path: Path) -> None:
    """Delete a tree that somebody else has made, however deep it is.

    `rm` follows no links and needs no stack, unlike what Python offers; it is no use
    where there is nothing in it.
    """
    with suppress(OSError):
        path.rmdir()
        return
    command = ("rm", "-rf", "--", str(path))
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - ours
