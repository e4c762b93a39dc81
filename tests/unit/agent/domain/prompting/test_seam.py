"""A file that was cut off goes on where it was cut, or is asked for again."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.prompting.seam import Partial, Seam, join, partial_of
from scof import FileClosed, Parser

LINES = [f"const line{number} = {number * 7}" for number in range(40)]
CONTENT = "\n".join(LINES) + "\n"
HEADER = "cat > src/app.ts << 'EOF'"
ANSWER = f"{HEADER}\n{CONTENT}EOF\n"


def cut_at(index: int) -> Partial | None:
    """Return what is known of an answer that ended there."""
    return partial_of("src/app.ts", ANSWER[:index].removeprefix(f"{HEADER}\n"))


def written(text: str) -> dict[str, str]:
    """Return the whole files in an answer."""
    parser = Parser()
    events = [*parser.feed(text), *parser.finish()]
    return {one.path: one.content for one in events if isinstance(one, FileClosed)}


def after(partial: Partial) -> str:
    """Return what a model writes that does as it is told."""
    start = CONTENT.index(partial.last_line)
    return f"{CONTENT[start:]}EOF\n"


@given(st.integers(len(HEADER) + 30, len(HEADER) + len(CONTENT)))
def test_wherever_it_was_cut_the_file_is_whole(index: int) -> None:
    partial = cut_at(index)
    assert partial is not None
    assert written(join(partial, after(partial))) == {"src/app.ts": CONTENT}


@pytest.mark.parametrize(
    "rest",
    [
        lambda partial: "```ts\n" + after(partial),  # perhaps of the file itself
        lambda partial: after(partial).removeprefix(partial.last_line[:20]),
        lambda partial: "            " + after(partial),
    ],
)
def test_a_seam_that_has_to_be_guessed_is_not_joined(
    rest: Callable[[Partial], str],
) -> None:
    partial = cut_at(300)
    assert partial is not None
    assert join(partial, rest(partial)) == rest(partial)


def test_a_file_that_shows_commands_goes_on_under_a_marker_of_its_own() -> None:
    shown = "# Use\n\ncat > README.md << 'EOF'\nhello\nEOF\n"
    partial = partial_of("README.md", f"{shown}The last line.\nand ha")
    assert partial is not None
    marker = partial.block.partition("'")[2].partition("'")[0]
    rest = f"The last line.\nand half a line more.\n{marker}\n"
    assert written(join(partial, rest)) == {
        "README.md": f"{shown}The last line.\nand half a line more.\n"
    }


def test_a_file_that_is_begun_again_is_taken_as_it_comes() -> None:
    partial = cut_at(300)
    assert partial is not None
    assert join(partial, ANSWER) == ANSWER


@pytest.mark.parametrize("answer", ["Sorry.\n", "", "const other = 1\nEOF\n"])
def test_what_does_not_go_on_from_the_file_is_not_joined(answer: str) -> None:
    partial = cut_at(300)
    assert partial is not None
    assert join(partial, answer) == answer


@given(st.lists(st.integers(0, 700)))
def test_a_seam_does_not_depend_on_where_the_answer_is_cut(cuts: list[int]) -> None:
    partial = cut_at(300)
    assert partial is not None
    rest, seam, found, start = after(partial), Seam(partial), "", 0
    for cut in (*sorted(cut for cut in cuts if cut < len(rest)), len(rest)):
        found += seam.feed(rest[start:cut])
        start = cut
    assert found + seam.finish() == join(partial, rest)


@pytest.mark.parametrize("content", ["", "half a line", "}\n", "\n\n"])
def test_what_tells_too_little_is_not_gone_on_with(content: str) -> None:
    assert partial_of("src/app.ts", content) is None
