"""A file that was cut off goes on where it was cut, or is asked for again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.seam import Partial, Seam, join, partial_of
from scof import FileClosed, Parser

LINES = [f"const line{number} = {number * 7}" for number in range(40)]
CONTENT = "\n".join(LINES) + "\n"
HEADER = "cat > src/app.ts << 'EOF'"
ANSWER = f"{HEADER}\n{CONTENT}EOF\n"


def cut_at(index: int) -> Partial | None:
    """Return what is known of an answer that ended there."""
    answer = ANSWER[:index]
    return partial_of(answer, "src/app.ts", answer.removeprefix(f"{HEADER}\n"))


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


@given(st.integers(200, len(HEADER) + len(CONTENT)), st.integers(20, 90))
def test_an_overlap_inside_a_line_is_found(index: int, common: int) -> None:
    partial = cut_at(index)
    assert partial is not None
    rest = ANSWER[index - common :]
    assert written(join(partial, rest)) == {"src/app.ts": CONTENT}


@pytest.mark.parametrize("fence", ["```ts\n", "\n```\n", ""])
def test_a_fence_before_it_is_forgiven(fence: str) -> None:
    partial = cut_at(300)
    assert partial is not None
    assert written(join(partial, fence + after(partial))) == {"src/app.ts": CONTENT}


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


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        ("cat << 'EOF' | patch src/app.ts\n@@ -1 +1 @@\n-a\n", "@@ -1 +1 @@\n-a\n"),
        (f"{HEADER}\nhalf a line", "half a line"),
        (f"{HEADER}\n}}\n", "}\n"),
        ("cat > other.css << 'EOF'\na {}\nEOF\n", "a {}\n"),
    ],
)
def test_what_cannot_be_gone_on_with_is_not(answer: str, content: str) -> None:
    assert partial_of(answer, "src/app.ts", content) is None
