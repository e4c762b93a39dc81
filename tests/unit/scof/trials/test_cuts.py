"""Proof by generation: no cut, however hostile the text, changes what is told."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from scof import Limits, Parser, replay, serialize
from tests.unit.scof.answers import CORPUS, codes, joined, read, told

# What answers, good and bad, are made of; drawn in any order.
FRAGMENTS = [
    "cat > a << 'EOF'\n",
    "cat << 'EOF' | patch b/c\n",
    "cat > 'a b' <<- END\n",
    "cat >> a << 'EOF'\n",
    "cat > ../a << \\EOF\n",
    "cat > a << 'A' > b << 'B'\n",
    "cat > a << \u2018EOF\u2019\n",
    "cat > 'a << 'EOF'\n",
    'mkdir -p x && cat > x/y << "EOF"\r\n',
    "npm install zod\n",
    "npm i $(x)\n",
    "rm -rf x\n",
    "cat > a \\\n",
    " << 'EOF'\n",
    "$ ",
    "\tEOF\n",
    "EOF\n",
    "EOF \t\r\n",
    "EOF",
    "END\n",
    "A\n",
    "B\n",
    "E",
    "EO",
    "EOFX\n",
    "cat",
    "cat ",
    "'",
    '"',
    "<<",
    ">",
    "\\",
    "\n",
    "\n\n",
    "\r",
    "\t",
    " ",
    "x",
    "# ",
    "```\n",
    "\0",
    "\x0b\x0c\x1c\x85\u2028",
    "\ufeff",
    "\ud83d",
    "\ude00",
    "\ud83d\ude00",
    "\U0001f600",
    "é",
]
NEAR_MARKERS = st.text(st.sampled_from("EOF\n\ud83d\ude00x \t\r"), max_size=12)
CHAOS = st.lists(
    st.one_of(
        st.sampled_from(FRAGMENTS),
        st.sampled_from([answer for answer, _ in CORPUS.values()]),
        st.text(st.characters(), max_size=6),
        NEAR_MARKERS,
    ),
    max_size=30,
).map("".join)
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from([f for f in FRAGMENTS if "<<" in f and f.endswith("\n")]),
        st.one_of(NEAR_MARKERS, CHAOS),
        st.sampled_from(["EOF\n", "\nEOF\n", "\nEND\n", ""]),
    ).map("".join),
    min_size=1,
    max_size=4,
).map("".join)
ANSWERS = st.one_of(CHAOS, BLOCKS)
# Each limit is low now and then, and seldom all of them are.
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "line_chars": st.integers(1, 60),
        "marker_chars": st.integers(1, 5),
        "path_chars": st.integers(1, 5),
        "file_chars": st.integers(0, 20),
        "files": st.integers(0, 3),
        "commands": st.integers(0, 2),
        "answer_chars": st.integers(0, 200),
        "diagnostics": st.integers(0, 5),
    },
).map(lambda limits: Limits(**limits))


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """Draw a way to cut *text*, empty pieces included."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    ends = [0, *places, len(text)]
    return [text[start:stop] for start, stop in pairwise(ends)]


@settings(deadline=None, max_examples=400)
@given(st.data(), ANSWERS)
def test_hostile_answers_are_told_alike_however_cut(
    data: st.DataObject, answer: str
) -> None:
    whole = read(answer)
    assert joined(read(*data.draw(cut(answer)))) == joined(whole)
    assert joined(read(*answer)) == joined(whole)
    told(whole)


@settings(deadline=None, max_examples=400)
@given(st.data(), ANSWERS, LIMITS)
def test_limits_are_met_at_the_same_character_however_cut(
    data: st.DataObject, answer: str, limits: Limits
) -> None:
    whole = joined(read(answer, limits=limits))
    assert joined(read(*data.draw(cut(answer)), limits=limits)) == whole
    assert joined(read(*answer, limits=limits)) == whole
    told(whole)


@settings(deadline=None, max_examples=200)
@given(ANSWERS, st.integers(0, 400))
def test_what_was_told_so_far_depends_on_what_came_so_far_alone(
    answer: str, length: int
) -> None:
    start = answer[:length]
    parser = Parser()
    one_by_one = [event for char in start for event in parser.feed(char)]
    assert joined(one_by_one) == joined(Parser().feed(start))


NAMES = st.sampled_from(
    [
        "a",
        "b",
        "src",
        "$x",
        "(g)",
        "[id]",
        "@s",
        "+page.ts",
        "my file",
        ".env",
        "-r",
        "é",
    ]
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(
        st.sampled_from([f for f in FRAGMENTS if f.isascii() or f in "é\u2028"]),
        max_size=12,
    ).map("".join),
)
FILES = st.dictionaries(PATHS, CONTENTS, max_size=4)


@settings(deadline=None, max_examples=300)
@given(st.data(), FILES)
def test_files_of_any_content_are_read_back_byte_for_byte(
    data: st.DataObject, written: dict[str, str]
) -> None:
    answer = serialize(written)
    events = read(*data.draw(cut(answer)))
    assert replay(events, {}) == written
    assert set(codes(events)) <= {"possible_missing_marker", "fenced_body"}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_prose_arrives_as_it_was_said(lines: list[str]) -> None:
    answer = "".join(f"- {line}\n" for line in lines).replace("\n", "\n- ")
    assert told(read(answer)) == ([f"say {answer!r}"] if answer else [])
