"""The folders of projects in their pods.

What is known of a folder, and how an app looked, lie on the disk of the service, out of
an app's reach; everything else is in the pod and ends with it.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace
from typing_extensions import override

from sandbox.adapters.files.folders import DiskFolders
from sandbox.adapters.pods.mux import Broken
from sandbox.adapters.pods.tenancy import Tenancies
from sandbox.ports import BadFolder, Folder, Folders, FolderState, RuntimeFailed


class PodFolders(Folders):
    """One folder for each project, in its pod."""

    def __init__(self, disk: DiskFolders, tenancies: Tenancies) -> None:
        self._disk = disk
        self._tenancies = tenancies

    @override
    def open(self, project_id: UUID) -> Folder:
        return PodFolder(project_id, self._disk.open(project_id), self._tenancies)

    @override
    def open_spare(self, *, for_us: bool = False) -> tuple[UUID, Folder]:
        spare, _ = self._disk.open_spare(for_us=for_us)
        return spare, self.open(spare)

    @override
    def list_own(self) -> list[UUID]:
        return self._disk.list_own()

    def empty_trash(self) -> None:
        """Delete what nobody needs of what lies on the disk."""
        self._disk.empty_trash()


class PodFolder(Folder):
    """The folder of one project."""

    def __init__(self, project_id: UUID, disk: Folder, tenancies: Tenancies) -> None:
        self._project_id = project_id
        self._disk = disk
        self._tenancies = tenancies

    @override
    async def state(self) -> FolderState:
        state = await self._disk.state()
        if self._tenancies.is_held(self._project_id):
            return state
        return replace(state, files={}, installed=None, laid=None)

    @override
    async def save(self, state: FolderState) -> None:
        await self._disk.save(state)

    @override
    async def apply(
        self, writes: Mapping[str, bytes], deletes: Collection[str]
    ) -> None:
        sizes = [(path, len(content)) for path, content in writes.items()]
        request = {"do": "apply", "deletes": list(deletes), "writes": sizes}
        try:
            async with self._tenancies.using(self._project_id) as session:
                await session.ask(request, list(writes.values()))
        except (OSError, RuntimeFailed) as exc:
            raise BadFolder(f"The files cannot be written: {exc}") from exc

    @override
    async def lacks(self, paths: Collection[str]) -> set[str]:
        found = await self._ask({"do": "lacks", "paths": list(paths)})
        there = found.get("paths")
        return set(paths) if not isinstance(there, list) else set(paths) & set(there)

    @override
    async def read(self, paths: Collection[str], max_bytes: int) -> dict[str, bytes]:
        try:
            async with self._tenancies.looking(self._project_id) as session:
                if session is not None:
                    return await session.read(list(paths), max_bytes)
        except (Broken, RuntimeFailed):
            pass
        return {}

    @override
    async def has_folder(self, name: str) -> bool:
        return (await self._ask({"do": "folder", "name": name})).get("is_there") is True

    async def _ask(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """Return the answer of the pod; nothing where there is no pod to ask."""
        try:
            async with self._tenancies.looking(self._project_id) as session:
                return {} if session is None else await session.ask(request)
        except (OSError, RuntimeFailed):
            return {}

    @override
    async def lay(self, key: str, hidden: Sequence[str]) -> None:
        raise BadFolder("Templates are not laid in pods.")

    @override
    async def adopt(self, spare: UUID) -> None:
        raise BadFolder("Nothing is made in advance in pods.")

    @override
    async def keep_screenshot(self, jpeg: bytes) -> None:
        await self._disk.keep_screenshot(jpeg)

    @override
    async def screenshot(self, max_bytes: int) -> bytes | None:
        return await self._disk.screenshot(max_bytes)

    @override
    async def lift(self) -> None:
        # Whatever npm finds here it makes right; a template was never laid.
        pass

    @override
    async def remove(self) -> None:
        await self._tenancies.discard(self._project_id)
        await self._disk.remove()
