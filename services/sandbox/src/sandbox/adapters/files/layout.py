"""Where things lie below the service's folder, for whoever touches the disk."""

import os
from pathlib import Path
from uuid import UUID

FIRST_UID = 0x7000_0000
"""Above the ranges that systemd and container engines hand out."""


PASS = 0o711
"""The mode of a folder that others may go through, without looking around."""
_READ = 0o755
_OURS = 0o700


def make_folder(path: Path, mode: int) -> None:
    """Make *path* with exactly *mode*, and leave it as it is where there is one."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        return
    path.chmod(mode)


class Box:
    """The folders of one project. Only `app` and `home` belong to the sandbox."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.app = self.path / "app"
        """The project, mounted as the working folder."""
        self.home = self.path / "home"
        """HOME of its commands."""
        self.cache = self.path / "cache"
        """Downloaded packages, where the cache is not shared."""
        self.staging = self.path / "staging"
        """Files on their way to `app`: same file system, out of the app's reach."""
        self.state = self.path / "state.json"
        self.screenshot = self.path / "screenshot.jpg"
        self.layer = Layer(self.path / "layer")
        self.origin = self.path / "origin"
        """Whom the folders were made for, where that was not this project."""

    def make(self, uid: int | None) -> None:
        """Create what is not there; *uid* owns what is the sandbox's, unless None."""
        make_folder(self.path, PASS)
        make_folder(self.staging, _OURS)
        for folder in (self.app, self.home, self.cache):
            if not folder.exists():
                make_folder(folder, _OURS)
                if uid is not None:
                    os.chown(folder, uid, uid)


class Layer:
    """What is laid below `node_modules` of one project; see `layers`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.template = path / "template"
        """Says which one it is."""
        self.upper = path / "upper"
        """What this project has on top of it."""
        self.work = path / "work"
        self.merged = path / "merged"
        """Both, as one folder."""


class Layout:
    """Everything below one root; *templates* are below it unless they are shared."""

    def __init__(self, root: Path, templates: Path | None = None) -> None:
        self.root = root.resolve()
        self.boxes = self.root / "boxes"
        self.spares = self.root / "spares"
        """Boxes that belong to no project; nobody needs them after a restart."""
        self.templates = (templates or self.root / "templates").resolve()
        self.trash = self.root / "trash"
        """What was removed under its name and is being deleted."""
        self.tools = self.root / "tools"
        """`node`, `npm` and `npx` as apps find them on their PATH."""
        self.etc = self.root / "etc"
        """The few files of /etc that programs in a sandbox look at."""
        self.cache = self.root / "cache"
        """Downloaded packages, where all sandboxes run as one user."""
        self.berths = self.root / "berths"
        """Where containers find the service; one folder for each of them."""
        self.shared = self.root / "shared"
        """What every container sees: the keeper, and whom this machine trusts."""

    def make(self) -> None:
        """Create what is not there, with the same rights whatever our umask is."""
        for folder in (
            *(self.root, self.boxes, self.berths, self.spares, self.templates),
        ):
            make_folder(folder, PASS)
        for folder in (self.tools, self.etc, self.shared):
            make_folder(folder, _READ)
        for folder in (self.trash, self.cache):
            make_folder(folder, _OURS)

    def box(self, project_id: UUID) -> Box:
        """Return the folders of a project, whether they exist or not."""
        spare = self.spares / str(project_id)
        return Box(spare if spare.is_dir() else self.boxes / str(project_id))

    def born(self, project_id: UUID) -> UUID:
        """Return the id that users and marks of a project's processes are made of."""
        try:
            return UUID(self.box(project_id).origin.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return project_id

    def own_uid(self, project_id: UUID) -> int:
        """Return the user of a project where we may choose one.

        28 bits of its random id: of 1,000 projects on one machine, two share a user
        with a chance of 1 in 500, and then no more than what a user is to the kernel.
        """
        return FIRST_UID + (self.born(project_id).int & 0x0FFF_FFFF)
