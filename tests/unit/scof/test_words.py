"""Words of a command line, as a shell splits them."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scof.grammar.words import Word, split_words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t ", []),
        ("a b", ["a", "b"]),
        ("a>b", ["a", ">", "b"]),
        ("a >>b<<-c<<d<<<e", ["a", ">>", "b", "<<-", "c", "<<", "d", "<<<", "e"]),
        ("a|b||c&d&&e;f", ["a", "|", "b", "||", "c", "&", "d", "&&", "e", ";", "f"]),
        ("a >| b &> c >& d < e", ["a", ">|", "b", "&>", "c", ">&", "d", "<", "e"]),
        ("'a b' \"c d\" e\\ f", ["a b", "c d", "e f"]),
        ("a'b'\"c\"d", ["abcd"]),
        ("'' \"\"", ["", ""]),
        (r'"a\"b\\c\$d\`e\f"', ['a"b\\c$d`e\\f']),
        (r"'a\b'", [r"a\b"]),
        ("a # b", ["a"]),
        ("a#b '#c'", ["a#b", "#c"]),
        ("#", []),
        ("a\\", ["a"]),
        ("'a b  ", ["a b"]),
        ("a\"b 'c", ["ab 'c"]),
        ("(a) [b] $c", ["(a)", "[b]", "$c"]),
    ],
)
def test_a_line_is_split_into_words_and_operators(text: str, tokens: list[str]) -> None:
    found = split_words(text).tokens
    assert [t.text if isinstance(t, Word) else t for t in found] == tokens


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a", Word("a", "a")),
        ("'a'", Word("a", "a", quoted=True)),
        ("'a'b", Word("ab", "ab", quoted=True)),
        ("$a", Word("$a", "$a", expands=True)),
        ("'$a'", Word("$a", "$a", quoted=True)),
        ('"$a"', Word("$a", "$a", quoted=True, expands=True)),
        ('"`a"b', Word("`ab", "`ab", quoted=True, expands=True)),
        ("(a)", Word("(a)", "(a)", expands=True)),
        ("'a", Word("a", "a", quoted=True, open=True)),
        (r"a\b", Word("ab", r"a\b", quoted=True)),
        (r"a\.b\-c\_d", Word("a.b-c_d", r"a\.b\-c\_d", quoted=True)),
        (r"\[a\]", Word("[a]", "[a]", quoted=True)),
    ],
)
def test_what_a_shell_would_do_is_noted_on_a_word(text: str, word: Word) -> None:
    assert split_words(text).tokens == [word]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_quoted_words_come_back_as_they_are(words: list[str]) -> None:
    line = split_words(shlex.join(words))
    assert [t.text for t in line.tokens if isinstance(t, Word)] == words
    assert len(line.tokens) == len(words)
    assert not line.open
