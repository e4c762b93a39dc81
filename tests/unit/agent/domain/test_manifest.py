"""What has to be installed, and whether that has changed."""

import pytest

from agent.domain.manifest import manifest_digest
from contracts.project import PackagesRequested
from tests.unit.agent.examples import DONE, RUN_ID, History, project_after, saved

BEFORE = manifest_digest(project_after(DONE))


def digest(*later: object) -> str:
    history: History = [*DONE, *later]  # type: ignore[list-item]  # shorter to read
    return manifest_digest(project_after(history))


@pytest.mark.parametrize(
    "event",
    [
        saved("package.json", "{}"),
        saved("server/pyproject.toml", "[project]"),
        PackagesRequested(RUN_ID, ["npm", "install", "zod"]),
    ],
)
def test_what_is_installed_changes_the_digest(event: object) -> None:
    assert digest(event) != BEFORE


@pytest.mark.parametrize("path", ["src/main.ts", "package.json.md", "my-package.json"])
def test_other_files_do_not(path: str) -> None:
    assert digest(saved(path, "{}")) == BEFORE


def test_different_manifests_never_look_the_same() -> None:
    one = digest(saved("package.json", "ab"), saved("yarn.lock", "c"))
    other = digest(saved("package.json", "a"), saved("yarn.lock", "bc"))
    assert one != other
