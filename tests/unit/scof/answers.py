"""Reading answers in tests: whole or cut, and what was told, line by line."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from scof import (
    Command,
    Diagnostic,
    Event,
    FileChunk,
    FileClosed,
    FileOpened,
    FileTruncated,
    Limits,
    Parser,
    PatchChunk,
    PatchClosed,
    PatchOpened,
    Prose,
)


def read(*pieces: str, limits: Limits | None = None) -> list[Event]:
    """Return the events of an answer that arrives in these pieces."""
    parser = Parser(limits=limits)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish()


def pieces(text: str, size: int) -> list[str]:
    """Return *text* cut into pieces of one size."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def joined(events: Iterable[Event]) -> list[Event]:
    """Return events with neighbouring pieces of text made one."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        match last, event:
            case (FileChunk(path, before), FileChunk(same, text)) if path == same:
                result[-1] = FileChunk(path, before + text)
            case (PatchChunk(path, before), PatchChunk(same, text)) if path == same:
                result[-1] = PatchChunk(path, before + text)
            case (Prose(before), Prose(text)):
                result[-1] = Prose(before + text)
            case _:
                result.append(event)
    return result


def told(events: Iterable[Event]) -> list[str]:
    """Return one line for each thing that was told, in the order of its end.

    Fails where a block is not opened once, closed once, and the sum of its chunks.
    """
    lines: list[str] = []
    block: tuple[str, str] | None = None
    chunks: list[str] = []
    for event in joined(events):
        match event:
            case FileOpened(path) | PatchOpened(path):
                assert block is None
                block, chunks = (_kind(event), path), []
            case FileChunk(path, text) | PatchChunk(path, text):
                assert block == (_kind(event), path)
                assert text
                chunks.append(text)
            case FileClosed(path, content) | PatchClosed(path, content):
                assert block == (_kind(event), path)
                assert "".join(chunks) == content
                lines.append(f"{_kind(event)} {path} {content!r}")
                block = None
            case FileTruncated(path, content):
                assert block is not None
                assert (block[1], "".join(chunks)) == (path, content)
                lines.append(f"cut {block[0]} {path} {content!r}")
                block = None
            case Command(argv):
                lines.append("run " + " ".join(argv))
            case Prose(text):
                assert block is None
                assert text
                lines.append(f"say {text!r}")
            case Diagnostic(code, _, line, concerned):
                lines.append(f"{code}@{line}" + (f" {concerned}" if concerned else ""))
    assert block is None
    return lines


def _kind(event: Event) -> str:
    return (
        "patch" if isinstance(event, PatchOpened | PatchChunk | PatchClosed) else "file"
    )


def files(events: Sequence[Event]) -> dict[str, str]:
    """Return the last content of each file that was closed."""
    return {e.path: e.content for e in events if isinstance(e, FileClosed)}


def codes(events: Sequence[Event]) -> list[str]:
    """Return the codes of the diagnostics, in order."""
    return [event.code for event in events if isinstance(event, Diagnostic)]


def _corpus() -> dict[str, tuple[str, list[str]]]:
    """Return the answers of `answers.txt` by name, each with what has to be told."""
    text = Path(__file__).with_suffix(".txt").read_text()
    _, *sections = text.split("\n======== ")
    corpus = {}
    for section in sections:
        name, _, rest = section.partition("\n")
        answer, _, expected = rest.partition("--------\n")
        for shown, meant in _SHOWN.items():
            answer = answer.replace(shown, meant)
        corpus[name] = (answer, expected.splitlines())
    return corpus


_SHOWN = {"␄\n": "", "␉": "\t", "␍": "\r", "␠": " ", "␂": "\ufeff"}
CORPUS = _corpus()
