"""What has to be installed before an app runs, and whether that has changed."""

from hashlib import sha256

from agent.domain.state import Project

_NAMES = frozenset(
    {
        # How to install and start, where the app says so itself.
        ".sandbox.json",
        # Node
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lock",
        # Python
        "requirements.txt",
        "pyproject.toml",
        "uv.lock",
        "poetry.lock",
    }
)


def manifest_digest(project: Project) -> str:
    """Return the digest of all that decides what is installed.

    The same digest again means that there is nothing to install.
    """
    parts = [
        _framed(path, project.files[path].content)
        for path in sorted(project.files)
        if path.rpartition("/")[2] in _NAMES
    ]
    parts += [_framed(*argv) for argv in project.packages]
    return sha256(b"".join(parts)).hexdigest()


def must_install(project: Project) -> bool:
    """Tell whether the app does not run yet, or runs with another manifest."""
    return project.preview_url is None or project.served != manifest_digest(project)


def _framed(*texts: str) -> bytes:
    """Return *texts* as bytes that no other texts have."""
    encoded = [text.encode() for text in texts]
    return b"".join(b"%d:%b" % (len(data), data) for data in encoded) + b";"
