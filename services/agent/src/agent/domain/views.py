"""What others are told of a project: its state, and what its sandbox should hold."""

from collections.abc import Iterable
from uuid import UUID

from agent.domain.changes import current_phase
from agent.domain.content import digest
from agent.domain.state import Project
from contracts.codec import encode
from contracts.requests import FileContent, FileDigest, Manifest, ProjectView

MAX_ANSWER_BYTES = 4_000_000
"""Size of an answer; more is asked for again. A single file or event may be larger."""

_NOBODY = UUID(int=0)


def project_view(project_id: UUID, project: Project) -> ProjectView:
    """Return what a project is at its version."""
    return ProjectView(
        id=project_id,
        owner_id=project.owner_id or _NOBODY,
        name=project.name,
        description=project.description,
        state=project.state,
        current_phase=current_phase(project.state, project.total_phases),
        total_phases=project.total_phases,
        generated_files=sorted(project.files),
        preview_url=project.preview_url,
        sandbox_id=project.sandbox_id,
        version=project.version,
        settings=project.settings,
        usage=project.usage,
    )


def manifest(project: Project) -> Manifest:
    """Return what the project's sandbox should hold."""
    files = [
        FileDigest(path, digest(file), file.size)
        for path, file in sorted(project.files.items())
    ]
    packages = [list(argv) for argv in project.packages]
    return Manifest(
        version=project.version,
        deleted=project.deleted,
        files=files,
        packages=packages,
        variables=project.settings.variables,
    )


def file_contents(project: Project, paths: Iterable[str]) -> list[FileContent]:
    """Return the files at *paths* that exist, in that order, as many as fit."""
    contents: list[FileContent] = []
    size = 0
    for path in dict.fromkeys(paths):
        file = project.files.get(path)
        if file is None:
            continue
        content = FileContent(file.id, path, file.content, file.encoding)
        size += len(encode(content))
        if contents and size > MAX_ANSWER_BYTES:
            break
        contents.append(content)
    return contents
