"""Making a folder equal what the project's log says that it should hold."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from contracts.requests import Manifest, Variables
from sandbox.domain.apps import install
from sandbox.domain.limits import FILES
from sandbox.ports import BadFolder, Folder, FolderState, ProjectFiles
from scof import UnsafePath, safe_path

_GENERATED = frozenset({"node_modules", ".venv"})
"""Folders at the top that belong to package managers, whatever a project says."""
_UNKNOWN = ""
"""Stands for the digest of a file that is being written."""

Record: TypeAlias = Callable[[dict[str, str], int], Awaitable[None]]
"""Saves which files are there, and of which version of the project."""

Adopt: TypeAlias = Callable[
    [dict[str, bytes], tuple[str, ...]], Awaitable[FolderState | None]
]
"""Gets the files and packages of a project whose folder is empty; returns what the
folder holds instead, if it got another one."""


class Outcome(Struct, frozen=True):
    """What came of it."""

    version: int
    count: int
    packages: tuple[str, ...]
    """What the model asked for beside the manifest files."""
    variables: Variables
    """The app's environment. It may hold secrets of its owner: nobody else's business,
    so neither saved nor logged."""
    changed: frozenset[str]
    """Paths that were written or deleted."""


async def sync(
    project_id: UUID,
    folder: Folder,
    known: FolderState,
    source: ProjectFiles,
    record: Record,
    adopt: Adopt | None = None,
) -> Outcome:
    """Write what differs, delete what we wrote before and is gone.

    *known* is what was recorded last; *record* is called with what is to be recorded.
    *adopt* is asked before the first file is written.
    A file that the app itself has changed is left as it is until the project changes
    it: some dev servers rewrite their settings, and two writers would never end.

    Raises:
        ProjectGone: There should be no folder.
        BadFolder: The folder cannot be made so.
        Unavailable: The agent, or the api, does not answer.

    """
    manifest = await source.manifest(project_id)
    variables = Variables({}, [])
    if manifest.variables:
        variables = await source.variables(project_id)
    wanted = _wanted(manifest)
    same = {path for path in wanted if known.files.get(path) == wanted[path]}
    missing = (wanted.keys() - same) | await folder.lacks(same)
    writes = await _fetch(project_id, source, sorted(missing))
    packages = install.requested_packages(manifest.packages)
    if adopt is not None and not known.files and not variables.values:
        known = await adopt(writes, packages) or known
        same = {path for path in wanted if known.files.get(path) == wanted[path]}
        writes = {path: data for path, data in writes.items() if path not in same}
    deletes = known.files.keys() - wanted.keys()
    if writes or deletes:
        # Said before it is done: a crash in between leaves a file too many on record,
        # not one on the disk that nobody would ever delete.
        claimed = {**known.files, **dict.fromkeys(writes, _UNKNOWN)}
        await record(claimed, known.version)
        await folder.apply(writes, deletes)
    files = {path: wanted[path] for path in same}
    files |= {path: hashlib.sha256(data).hexdigest() for path, data in writes.items()}
    await record(files, manifest.version)
    return Outcome(
        version=manifest.version,
        count=len(files),
        packages=packages,
        variables=variables,
        changed=frozenset(writes.keys() | deletes),
    )


def _wanted(manifest: Manifest) -> dict[str, str]:
    """Return path and digest of the files that may lie in a folder."""
    wanted = {}
    for file in manifest.files:
        try:
            path = safe_path(file.path)
        except UnsafePath as exc:
            raise BadFolder(f"A file of the project has a bad name: {exc}.") from exc
        if path.partition("/")[0] not in _GENERATED:
            wanted[path] = file.sha256
    if len(wanted) > FILES:
        raise BadFolder(f"The project has more than {FILES} files.")
    return wanted


async def _fetch(
    project_id: UUID, source: ProjectFiles, paths: list[str]
) -> dict[str, bytes]:
    """Return the contents of *paths*; one that vanished meanwhile is left out."""
    found: dict[str, bytes] = {}
    while left := [path for path in paths if path not in found]:
        page = await source.contents(project_id, left)
        fresh = {path: page[path] for path in left if path in page}
        if not fresh:
            break
        found |= fresh
    return found
