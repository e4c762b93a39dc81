"""When the web client is built."""

import io
from pathlib import Path

import pytest

from standalone.machine.node import Node
from standalone.supervision.console import Console
from standalone.web_build import build, is_built

# Stands for node: its "script" is run by sh, with npm's arguments.
NPM = """
echo "$@" >> calls
case "$*" in
  *build*)
    ls ../static > ../during 2>/dev/null
    mkdir -p dist/assets && cp src/main.ts dist/assets/$(cat src/main.ts).js
    echo page > dist/index.html ;;
esac
"""


BUILD = "run build -- --outDir dist"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "web" / "src").mkdir(parents=True)
    (tmp_path / "web" / "node_modules").mkdir()
    (tmp_path / "web" / "package-lock.json").write_text("{}")
    (tmp_path / "web" / "src" / "main.ts").write_text("1")
    (tmp_path / "npm").write_text(NPM)
    return tmp_path / "web"


async def built(web: Path) -> tuple[list[str], str]:
    """Build; return what npm was asked for so far, and what a person was told."""
    said = io.StringIO()
    node = Node(Path("/bin/sh"), web.parent / "npm")
    await build(web, web.parent / "static", node, Console(said))
    calls = web / "calls"
    asked = calls.read_text().splitlines() if calls.exists() else []
    return asked, said.getvalue()


async def test_packages_are_installed_and_the_page_is_built(web: Path) -> None:
    asked, _ = await built(web)
    assert asked == ["ci --no-audit --no-fund", BUILD]
    (web / "calls").unlink()
    assert is_built(web, web.parent / "static")


async def test_nothing_is_done_twice(web: Path) -> None:
    await built(web)
    (web / "calls").unlink()
    asked, said = await built(web)
    assert (asked, said) == ([], "")


async def test_a_changed_source_is_built_again_without_installing(web: Path) -> None:
    await built(web)
    (web / "calls").unlink()
    (web / "src" / "main.ts").write_text("2")
    asked, _ = await built(web)
    assert asked == [BUILD]


async def test_the_page_is_there_while_another_is_built(web: Path) -> None:
    await built(web)
    (web / "src" / "main.ts").write_text("2")
    await built(web)
    assert "index.html" in (web.parent / "during").read_text()
    static = web.parent / "static"
    files = {str(f.relative_to(static)) for f in static.rglob("*") if f.is_file()}
    assert files == {".built-from", "index.html", "assets/2.js"}


async def test_a_changed_lock_is_installed_again(web: Path) -> None:
    await built(web)
    (web / "calls").unlink()
    (web / "package-lock.json").write_text('{"a": 1}')
    asked, _ = await built(web)
    assert asked == ["ci --no-audit --no-fund", BUILD]


async def test_a_failure_is_one_sentence_with_the_reason(web: Path) -> None:
    (web.parent / "npm").write_text("echo npm error code ENETUNREACH; exit 1")
    _, said = await built(web)
    assert "cannot be built: `npm ci" in said
    assert "ENETUNREACH" in said
    assert not is_built(web, web.parent / "static")


async def test_without_node_it_says_so(web: Path) -> None:
    said = io.StringIO()
    await build(web, web.parent / "static", None, Console(said))
    assert "there is no Node.js" in said.getvalue()
