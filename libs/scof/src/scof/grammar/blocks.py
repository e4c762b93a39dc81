"""The grammar of commands that own a body: `cat`, `tee` and `patch` with a heredoc.

What a model certainly meant is taken, in every order and quoting that a shell
allows and some that it does not. The rest is refused, aloud, and where the marker
can be read the body still belongs to the refused command.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scof.errors import UnsafePath
from scof.events import Code
from scof.grammar.readings import Block, Marker, Note, Refused, shown
from scof.grammar.words import Line, Word
from scof.limits import Limits
from scof.paths import safe_path

WRITERS = frozenset({"cat", "tee", "patch"})

_CONTROL_OPERATORS = frozenset({"&&", "||", "|", "&", ";"})
_HEREDOCS = frozenset({"<<", "<<-"})
_SEQUENCES = frozenset({"&&", ";"})
# Single, double and angle quotation marks, and the accents that stand in for them.
_TYPOGRAPHIC = (
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\xab\xbb\xb4`"
)
_NOT_IN_MARKERS = re.compile(r"[\s\x00-\x1f\x7f-\x9f'\"]")
# The last resort where a quote runs to the end of the line.
_GUESSED_MARKER = re.compile(r"<<(-?)[ \t]*['\"]?([^ \t'\"<>|&;]+)")
# Options that change neither the file nor the direction. GNU patch, section
# "Invoking patch"; -R, -o, -d and -i do.
_PATCH_OPTION = re.compile(
    r"-p\d*|--strip(=\d+)?|-F\d*|--fuzz(=\d+)?|-[uNsftlb]|--(unified|forward|silent"
    r"|quiet|force|batch|ignore-whitespace|backup|no-backup-if-mismatch|binary|verbose)"
)
_COUNTED_OPTIONS = frozenset({"-p", "--strip", "-F", "--fuzz"})


@dataclass(slots=True)
class _Command:
    """One simple command: what stands between two control operators."""

    before: str
    words: list[Word] = field(default_factory=list)
    redirects: list[tuple[str, Word]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0].text if self.words else ""


class _RefusalError(Exception):
    """Leaves the grammar from wherever it finds that a command cannot be taken."""

    def __init__(self, code: Code, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.note = Note(code, message)
        self.path = path


def read_block(text: str, line: Line, limits: Limits) -> Block | Refused | None:
    """Return the block that *line*, the words of *text*, opens; None: no heredoc."""
    commands = _split(line)
    heredocs = [
        (operator, word)
        for command in commands
        for operator, word in command.redirects
        if operator in _HEREDOCS
    ]
    if not heredocs:
        return _without_heredoc(text, line, commands)
    markers = tuple(_marker(operator, word) for operator, word in heredocs)
    try:
        _check_single(markers)
        return _accept(commands, heredocs[0][1], markers[0], limits)
    except _RefusalError as refusal:
        certain = _is_certain(line, heredocs, markers)
        return Refused(refusal.note, refusal.path, markers, certain)


def _split(line: Line) -> list[_Command]:
    """Return the simple commands of a line, each with its redirections."""
    commands = [_Command(before="")]
    tokens = iter(line.tokens)
    for token in tokens:
        if isinstance(token, Word):
            commands[-1].words.append(token)
        elif token in _CONTROL_OPERATORS:
            commands.append(_Command(before=token))
        else:
            target = next(tokens, "")
            if isinstance(target, Word):
                commands[-1].redirects.append((token, target))
            else:
                # A redirection without a target: an operand that fits no form.
                commands[-1].words.append(Word(text=token, path=token))
    return commands


def _without_heredoc(
    text: str, line: Line, commands: Sequence[_Command]
) -> Refused | None:
    """Refuse what was meant to be a block, as far as that can be told."""
    guesses = _GUESSED_MARKER.findall(text) if line.open else []
    if guesses:
        dash, marker = guesses[-1]
        note = Note(
            "unreadable_quotes", "A quote is not closed, so the path is unclear."
        )
        markers = (Marker((marker,), strips_tabs=bool(dash)),)
        return Refused(note, markers=markers, is_certain=False)
    head = commands[0]
    operators = {operator for operator, _ in head.redirects}
    operators.update(word.text for word in head.words[1:] if not word.quoted)
    if head.name in WRITERS and operators & {">", ">|", ">>", "<<", "<<-", "<<<"}:
        message = "The command has no heredoc, so there is no text to write."
        return Refused(Note("missing_heredoc", message))
    return None


def _marker(operator: str, word: Word) -> Marker:
    """Return the marker as it is, or its likely spellings."""
    text = word.text
    if word.open:
        text = (text.split() or [""])[0].strip("'\"")
    bare = _without_typography(word, text)
    spellings = (text,) if bare == text else (bare or text, text)
    return Marker(spellings, strips_tabs=operator == "<<-")


def _without_typography(word: Word, text: str) -> str:
    """Return *text* without quotation marks that were meant to be quotes."""
    # Inside real quotes they are characters as any other.
    return text if word.quoted and not word.open else text.strip(_TYPOGRAPHIC)


def _is_certain(
    line: Line, heredocs: Iterable[tuple[str, Word]], markers: Sequence[Marker]
) -> bool:
    """Whether a refused command ends its body by this marker and no other."""
    if len(markers) > 1 or len(markers[0].spellings) > 1:
        return False
    (_, word), *_ = heredocs
    # A bare word in mid-line may well be prose about heredocs.
    return not word.open and (word.quoted or line.tokens[-1] is word)


def _check_single(markers: Sequence[Marker]) -> None:
    """Refuse a line with several bodies."""
    if len(markers) > 1:
        raise _RefusalError("second_heredoc", "Only one heredoc may stand on a line.")


def _accept(
    commands: Sequence[_Command], word: Word, marker: Marker, limits: Limits
) -> Block:
    """Return the block that the commands open, or leave by a refusal."""
    head, *rest = _after_mkdir(commands)
    if not any(operator in _HEREDOCS for operator, _ in head.redirects):
        raise _RefusalError(
            "unsupported_command", "The heredoc is not that of the first command."
        )
    if word.open and " " in word.text:
        raise _RefusalError(
            "unreadable_quotes", "The quote of the marker is not closed."
        )
    sink = head
    target = _cat_target(head) if head.name == "cat" else _sink_target(head)
    if target is None and rest and rest[0].before == "|":
        sink = rest.pop(0)
        target = _sink_target(sink)
    if target is None:
        raise _RefusalError("missing_path", "The command does not say which file.")
    notes = _check_marker(word, marker, target.path, limits)
    path = _check_path(target, limits, notes)
    _check_rest(rest, path, notes)
    return Block(path, sink.name == "patch", marker, tuple(notes))


def _after_mkdir(commands: Sequence[_Command]) -> Sequence[_Command]:
    """Drop leading `mkdir -p DIR &&`: folders come with their files."""
    while (
        len(commands) > 1
        and commands[0].name == "mkdir"
        and not commands[0].redirects
        and commands[1].before in _SEQUENCES
    ):
        commands = commands[1:]
    return commands


def _cat_target(cat: _Command) -> Word | None:
    """Return where `cat` writes to, or None where that is left to a pipe."""
    if any(word.text != "-" for word in cat.words[1:]):
        raise _RefusalError(
            "unsupported_command", "The command names more than one file."
        )
    targets = [item for item in cat.redirects if item[0] not in _HEREDOCS]
    if not targets:
        return None
    if len(targets) > 1:
        raise _RefusalError(
            "unsupported_command", "The command redirects more than once."
        )
    operator, target = targets[0]
    if operator == ">>":
        raise _RefusalError("append", "Appending is not possible.", target.path)
    if operator not in (">", ">|"):
        raise _RefusalError(
            "unsupported_command", f"The redirection {shown(operator)} is not possible."
        )
    return target


def _sink_target(sink: _Command) -> Word:
    """Return the file that `tee` or `patch` writes to."""
    if sink.name not in WRITERS:
        raise _RefusalError(
            "unsupported_command", f"Text for {shown(sink.name)} is not carried out."
        )
    for operator, target in sink.redirects:
        if operator not in _HEREDOCS and (operator, target.text) != (">", "/dev/null"):
            raise _RefusalError(
                "unsupported_command", "The command writes to more than one place."
            )
    operands = _operands(sink)
    if not operands:
        raise _RefusalError("missing_path", "The command does not say which file.")
    if len(operands) > 1:
        raise _RefusalError(
            "unsupported_command", "The command names more than one file."
        )
    return operands[0]


def _operands(sink: _Command) -> list[Word]:
    """Return the words that are no options, or refuse an option."""
    operands = []
    words = iter(sink.words[1:])
    for word in words:
        option = word.text
        if not option.startswith("-"):
            operands.append(word)
        elif sink.name == "tee" and option in ("-a", "--append"):
            raise _RefusalError("append", "Appending is not possible.")
        elif sink.name != "patch" or not _PATCH_OPTION.fullmatch(option):
            raise _RefusalError(
                "unsupported_command", f"The option {shown(option)} is not possible."
            )
        elif option in _COUNTED_OPTIONS:
            next(words, None)
    return operands


def _check_rest(rest: Sequence[_Command], path: str, notes: list[Note]) -> None:
    """Note commands that follow on the line, or refuse what changes the text."""
    if not rest:
        return
    if rest[0].before not in _SEQUENCES:
        raise _RefusalError(
            "unsupported_command",
            f"What follows {shown(rest[0].before)} is not possible.",
            path,
        )
    if any(command.words for command in rest):
        message = f"What follows {shown(rest[0].before)} on the line is not run."
        notes.append(Note("ignored_command", message))


def _check_marker(word: Word, marker: Marker, path: str, limits: Limits) -> list[Note]:
    """Return notes on a marker that can be used, or leave by a refusal."""
    text = marker.spellings[0]
    if len(marker.spellings) > 1:
        raise _RefusalError(
            "typographic_quotes",
            f"Quotes leave the marker {shown(text)} in doubt.",
            path,
        )
    if not text or _NOT_IN_MARKERS.search(text):
        raise _RefusalError("bad_marker", f"{shown(text)} cannot be a marker.", path)
    if len(text) > limits.marker_chars:
        limit = limits.marker_chars
        raise _RefusalError(
            "marker_too_long", f"The marker is longer than {limit} characters.", path
        )
    if word.open:
        return [Note("unbalanced_quote", "The quotes of the marker do not match.")]
    return []


def _check_path(word: Word, limits: Limits, notes: list[Note]) -> str:
    """Return the canonical path, or leave by a refusal."""
    path = word.path
    if word.open:
        if " " in path:
            raise _RefusalError(
                "unreadable_quotes", "The quote of the path is not closed."
            )
        path = path.strip("'\"")
        notes.append(Note("unbalanced_quote", "The quotes of the path do not match."))
    if _without_typography(word, path) != path:
        raise _RefusalError(
            "typographic_quotes", "Typographic quotes leave the path in doubt.", path
        )
    if len(path) > limits.path_chars:
        raise _RefusalError(
            "path_too_long",
            f"The path is longer than {limits.path_chars} characters.",
            path,
        )
    if word.expands:
        notes.append(
            Note("unquoted_path", f"A shell needs single quotes round {shown(path)}.")
        )
    try:
        return safe_path(path)
    except UnsafePath as refused:
        raise _RefusalError("unsafe_path", str(refused), path) from refused
