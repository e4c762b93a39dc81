"""An earlier version of Atelier: a commit of this repository, unpacked.

It is PREVIOUS_VERSION, or else the last tag, or else twenty commits ago.
"""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
_FEW = "HEAD~20"
# Without the sources of the page, which would have to be built first.
_PARTS = ("libs", "services", "migrations", ":(exclude)services/web")


class Version(Struct, frozen=True):
    """The sources of a version, unpacked."""

    commit: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes `python -m agent`, or any other member, run them."""
        members = [*self.folder.glob("libs/*/src"), *self.folder.glob("services/*/src")]
        return {"PYTHONPATH": os.pathsep.join(map(str, members))}


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def previous_version(folder: Path) -> Version:
    """Unpack the earlier version into *folder*; skip where there is none."""
    named = os.environ.get("PREVIOUS_VERSION")
    tag = _git("describe", "--tags", "--abbrev=0").stdout.strip()
    found = _git("rev-parse", "--verify", f"{named or tag or _FEW}^{{commit}}")
    if found.returncode != 0:
        pytest.skip("there is no earlier version here: the clone is shallow")
    commit = found.stdout.strip()
    archive = folder / "previous.tar"
    done = _git("archive", f"--output={archive}", commit, "--", *_PARTS)
    assert done.returncode == 0, done.stderr
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return Version(commit, folder)
