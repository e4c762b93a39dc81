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
_ORIGIN = "origin"
OURS = "disk"
"""The disk of a spare in which templates are made: it lies where they go."""


def make_folder(path: Path, mode: int) -> None:
    """Make *path* with exactly *mode*, and leave it as it is where there is one."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        return
    path.chmod(mode)


class Disk:
    """Where all lies that the app of a project can write, and what bounds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.image = path / "image"
        """A file system of fixed size, where that can be had; see `images`."""
        self.files = path / "files"
        """What is in it, mounted; a plain folder where there is no image."""
        self.template = path / "template"
        """Says what is laid below `node_modules`; read while nothing is mounted."""


class Box:
    """The folders of one project. Only `app` and `home` belong to the sandbox."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.disk = disk
        files = disk.files
        self.app = files / "app"
        """The project, mounted as the working folder."""
        self.home = files / "home"
        """HOME of its commands."""
        self.cache = files / "cache"
        """Downloaded packages, where the cache is not shared."""
        self.staging = files / "staging"
        """Files on their way to `app`: same file system, out of the app's reach."""
        self.trash = files / "trash"
        """What was taken out of `app` and is being deleted."""
        self.layer = Layer(files / "layer", disk.template)
        self.state = self.path / "state.json"
        self.screenshot = self.path / "screenshot.jpg"
        self.origin = self.path / _ORIGIN
        """Whom the disk was made for, where that was not this project."""

    def make(self, uid: int | None) -> None:
        """Create what is not there; *uid* owns what is the sandbox's, unless None."""
        for folder in (self.path, self.disk.path, self.disk.files):
            make_folder(folder, PASS)
        for folder in (self.staging, self.trash):
            make_folder(folder, _OURS)
        for folder in (self.app, self.home, self.cache):
            if not folder.exists():
                make_folder(folder, _OURS)
                if uid is not None:
                    os.chown(folder, uid, uid)


class Layer:
    """What is laid below `node_modules` of one project; see `layers`."""

    def __init__(self, path: Path, template: Path) -> None:
        self.path = path
        self.template = template
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
        """What we know of each project."""
        self.disks = self.root / "disks"
        """What apps write. Each stays where it is while anything runs in it."""
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
            *(self.root, self.boxes, self.disks, self.berths, self.spares),
            self.templates,
        ):
            make_folder(folder, PASS)
        for folder in (self.tools, self.etc, self.shared):
            make_folder(folder, _READ)
        for folder in (self.trash, self.cache):
            make_folder(folder, _OURS)

    def box(self, project_id: UUID) -> Box:
        """Return the folders of a project, whether they exist or not."""
        known = self._known(project_id)
        ours = known / OURS
        disk = Disk(ours) if ours.is_dir() else self.disk(self.born(project_id))
        return Box(known, disk)

    def disk(self, born: UUID) -> Disk:
        """Return the disk that was made for *born*, whoever has it now."""
        return Disk(self.disks / str(born))

    def born(self, project_id: UUID) -> UUID:
        """Return the id that users, marks and the disk of a project are made of."""
        try:
            return UUID((self._known(project_id) / _ORIGIN).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return project_id

    def _known(self, project_id: UUID) -> Path:
        spare = self.spares / str(project_id)
        return spare if spare.is_dir() else self.boxes / str(project_id)

    def own_uid(self, project_id: UUID) -> int:
        """Return the user of a project where we may choose one.

        28 bits of its random id: of 1,000 projects on one machine, two share a user
        with a chance of 1 in 500, and then no more than what a user is to the kernel.
        """
        return FIRST_UID + (self.born(project_id).int & 0x0FFF_FFFF)
