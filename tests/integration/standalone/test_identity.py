"""What a program may do that runs as another user than root."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from standalone.machine.identity import Identity, unprivileged
from tests.support.servers import server_folder

CAP_DAC_READ_SEARCH = 2

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root becomes somebody else"
)


@pytest.fixture
def program() -> Iterator[Path]:
    """A program below a folder that only root may enter."""
    with server_folder() as folder:
        (folder / "closed" / "bin").mkdir(parents=True)
        file = folder / "closed" / "bin" / "program"
        file.write_text("#!/bin/sh\nid -u\n")
        file.chmod(0o755)
        (folder / "closed").chmod(0o700)
        yield file


def identity_for(*paths: Path) -> Identity:
    identity = unprivileged(paths)
    assert identity is not None
    return identity


def run(identity: Identity, *argv: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        argv,
        preexec_fn=identity.assume,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def test_where_everybody_may_go_no_privilege_is_kept() -> None:
    assert identity_for(Path("/usr/bin/env")).capability is None


def test_a_program_below_a_closed_folder_runs_as_somebody_else(program: Path) -> None:
    identity = identity_for(program)
    assert run(identity, program) == (0, str(identity.uid))


def test_it_finds_itself_there(program: Path) -> None:
    assert run(identity_for(program), "test", "-x", program) == (0, "")


def test_it_may_write_nothing_of_root(program: Path) -> None:
    identity = identity_for(program)
    if identity.capability != CAP_DAC_READ_SEARCH:
        pytest.skip("this machine offers no privilege as narrow as that")
    code, _ = run(identity, "sh", "-c", f"echo x > {program.parent}/file")
    assert code != 0


def test_it_keeps_one_capability_and_no_way_to_more(program: Path) -> None:
    identity = identity_for(program)
    assert identity.capability is not None
    _, status = run(identity, "cat", "/proc/self/status")
    sets = dict(line.split(":\t") for line in status.splitlines() if "Cap" in line)
    assert int(sets["CapEff"], 16) == 1 << identity.capability
    assert int(sets["CapPrm"], 16) == 1 << identity.capability
