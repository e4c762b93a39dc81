"""Splitting one command line into words and operators, as a shell would.

Only splitting: nothing is expanded, and nothing is refused. What a shell would have
done with a word is noted on it, for the grammar to judge.
"""

import re
from dataclasses import dataclass, field

# Operators longest first; parentheses are none here, because bare `(group)` folders
# are what models write. Most words hold nothing special and are one match.
_TOKEN = re.compile(
    r"""[ \t]*(?:
        (?P<operator> <<<|<<-|<<|<|>>|>\||>&|>|&&|&>|&|\|\||\||; )
      | (?P<comment> \# )
      | (?P<plain> [^ \t<>&|;'"\\$`()]+ (?= [ \t<>&|;] | \Z ) )
      | (?P<word> (?= [^ \t] ) )
    )""",
    re.VERBOSE,
)
_PART = re.compile(
    r"""'(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | \\(?P<escaped>.?)
      | (?P<open>['"].*)
      | (?P<bare>[^ \t<>&|;'"\\]+)""",
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_ESCAPE = re.compile(r'\\([$`"\\])')


@dataclass(slots=True)
class Word:
    """One word, and what stood in the way of reading it."""

    text: str = ""
    """What a shell makes of it: without quotes and backslashes."""
    path: str = ""
    """The same, but a backslash before a letter stays: `src\\app` is no `srcapp`."""
    quoted: bool = False
    """Some of it stood in quotes or behind a backslash."""
    expands: bool = False
    """A shell would have expanded or refused some of it (`$x`, parentheses)."""
    open: bool = False
    """A quote was opened and never closed; *text* runs to the end of the line."""


@dataclass(slots=True)
class Line:
    """The tokens of a line without its comment; operators are plain strings."""

    tokens: list[Word | str] = field(default_factory=list)
    has_comment: bool = False

    @property
    def open(self) -> bool:
        """Whether some quote was never closed."""
        return any(isinstance(token, Word) and token.open for token in self.tokens)


def split_words(text: str) -> Line:
    """Return the tokens of *text*, which has no line feed in it."""
    line = Line()
    position = 0
    while token := _TOKEN.match(text, position):
        position = token.end()
        kind = token.lastgroup or ""
        if kind == "operator":
            line.tokens.append(token[kind])
        elif kind == "plain":
            line.tokens.append(Word(token[kind], token[kind]))
        elif kind == "comment":
            line.has_comment = True
            break
        else:
            word = Word()
            position = _read_word(text, position, word)
            line.tokens.append(word)
    return line


def _read_word(text: str, position: int, word: Word) -> int:
    """Fill *word* from *position* on and return where it ends."""
    while part := _PART.match(text, position):
        _read_part(part, word)
        position = part.end()
    return position


def _read_part(part: re.Match[str], word: Word) -> None:
    """Add what a part stands for to *word*, and note what it is."""
    value = part[part.lastgroup or 0]
    path = None
    match part.lastgroup:
        case "bare":
            word.expands = word.expands or any(c in "$`()" for c in value)
        case "double":
            word.expands = word.expands or "$" in value or "`" in value
            value = _DOUBLE_ESCAPE.sub(r"\1", value)
        case "open":
            word.open = True
            value = value[1:].rstrip(" \t")
        case "escaped" if value.isalnum() or value in "._-":
            path = "\\" + value
    word.quoted = word.quoted or part.lastgroup != "bare"
    word.text += value
    word.path += value if path is None else path
