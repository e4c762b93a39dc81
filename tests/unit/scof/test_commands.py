"""Lines outside bodies: when they are commands, and what they say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scof import Limits
from scof.grammar.commands import may_be_command, read_by_grammar, read_command

WORDS = st.text(st.sampled_from("ab._/-$ '\"\\(~é\x7f"), max_size=8)


@settings(deadline=None, max_examples=500)
@given(WORDS, st.one_of(WORDS, st.just("EOF")), st.integers(1, 8), st.integers(1, 8))
def test_the_short_way_through_the_documented_form_leads_to_the_same_end(
    path: str, marker: str, path_chars: int, marker_chars: int
) -> None:
    limits = Limits(path_chars=path_chars, marker_chars=marker_chars)
    line = f"cat > {path} << '{marker}'"
    assert read_command(line, limits) == read_by_grammar(line, limits)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", None),
        ("  ", None),
        ("$", None),
        ("c", None),
        ("cat", None),
        ("$ npm", None),
        ("cat ", True),
        ("cat>", True),
        ("  $ patch\t", True),
        ("catalogue", False),
        ("cath", False),
        ("Cat ", False),
        ("$$", False),
        ("$x", False),
        ("-", False),
        ("\n", False),
        ("cat\n", False),
        (" " * 64, False),
        (" " * 61 + "cat ", False),
        (" " * 60 + "cat ", True),
    ],
)
def test_the_start_of_a_line_tells_whether_it_may_be_a_command(
    line: str, *, expected: bool | None
) -> None:
    assert may_be_command(line, 0) is expected
    assert may_be_command("x\n" + line, 2) is expected
