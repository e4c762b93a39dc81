"""Promises that hold for every input, as functions of bytes that raise where they fail.

Plain functions: the fuzzer calls them with what it makes up, the tests with what it
found. The first bytes choose cuts and limits, the rest is the text.
"""

from collections.abc import Callable, Iterable

from scof import (
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
    PatchFailed,
    PatchOpened,
    Prose,
    UnsafePath,
    apply_patch,
    replay,
    safe_path,
    serialize,
)

HEAD_BYTES = 8


class PromiseBroken(AssertionError):
    """The input shows that something is not as it is promised."""


def check(holds: bool, promise: str) -> None:  # noqa: FBT001 - it is the subject
    """Raise unless a promise holds; `assert` would vanish under -O."""
    if not holds:
        raise PromiseBroken(promise)


def answers(data: bytes) -> None:
    """No cut changes what is told, and every block ends once with what it held."""
    head, text = data[:HEAD_BYTES], _text(data[HEAD_BYTES:])
    limits = _limits(head)
    whole = _joined(_read([text], limits))
    check(whole == _joined(_read(text, limits)), "one character at a time")
    check(whole == _joined(_read(_pieces(head, text), limits)), "pieces of any size")
    _check_blocks(whole)


def writing(data: bytes) -> None:
    """Whatever is written is read back to the same bytes."""
    content = data.decode("utf-8", "replace").replace("\0", "\n")
    files = {"a": content, "b/c": content[len(content) // 2 :]}
    events = _read(_pieces(data[:HEAD_BYTES], serialize(files)), Limits())
    check(replay(events, {}) == files, "the same files")


def patches(data: bytes) -> None:
    """A diff applies or is refused, and one that changes nothing changes nothing."""
    original, _, diff = data.decode("utf-8", "replace").partition("\0")
    try:
        check(isinstance(apply_patch(original, diff), str), "a text")
    except PatchFailed as failed:
        check(str(failed).endswith("."), "a sentence")
    line = original.partition("\n")[0]
    unchanged = f"@@ -1 +1 @@\n-{line}\n+{line}\n"
    if "\n" in original and "\r" not in original and not line.startswith("\\"):
        check(apply_patch(original, unchanged) == original, "the same text")


def paths(data: bytes) -> None:
    """A canonical path is its own canonical form and stays inside its folder."""
    try:
        path = safe_path(_text(data))
    except UnsafePath:
        return
    check(safe_path(path) == path, "canonical")
    check(not {"", ".", ".."} & set(path.split("/")), "inside")
    answer = serialize({path: "x\n"})
    check(replay(_read([answer], Limits()), {}) == {path: "x\n"}, "written and read")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (answers, writing, patches, paths)
}


def _text(data: bytes) -> str:
    """Return text that may hold halves of surrogate pairs, as JSON escapes do."""
    return data.decode("utf-8", "surrogatepass" if _is_lone(data) else "replace")


def _is_lone(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _limits(head: bytes) -> Limits:
    """Return limits that are low now and then."""
    if not head or head[0] % 2:
        return Limits()
    low = [byte + 1 for byte in head.ljust(HEAD_BYTES, b"\xff")]
    return Limits(
        line_chars=low[1],
        marker_chars=low[2],
        path_chars=low[3],
        file_chars=low[4],
        files=low[5],
        answer_chars=low[6] * 16,
        diagnostics=low[7],
    )


def _pieces(head: bytes, text: str) -> Iterable[str]:
    """Cut *text* into pieces of sizes that *head* chooses."""
    sizes = [byte % 23 for byte in head] or [1]
    sizes[0] += 1
    start = number = 0
    while start < len(text):
        size = sizes[number % len(sizes)]
        yield text[start : start + size]
        start, number = start + size, number + 1


def _read(pieces: Iterable[str], limits: Limits) -> list[Event]:
    parser = Parser(limits=limits)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish()


def _joined(events: Iterable[Event]) -> list[Event]:
    """Return events with neighbouring pieces of text made one."""
    result: list[Event] = []
    for event in events:
        match result[-1] if result else None, event:
            case FileChunk(path, before), FileChunk(same, text) if path == same:
                result[-1] = FileChunk(path, before + text)
            case PatchChunk(path, before), PatchChunk(same, text) if path == same:
                result[-1] = PatchChunk(path, before + text)
            case Prose(before), Prose(text):
                result[-1] = Prose(before + text)
            case _:
                result.append(event)
    return result


def _check_blocks(events: Iterable[Event]) -> None:
    """Check that blocks do not overlap and end as the sum of their chunks."""
    path: str | None = None
    chunks: list[str] = []
    for event in events:
        match event:
            case FileOpened(opened) | PatchOpened(opened):
                check(path is None, "one block at a time")
                check(safe_path(opened) == opened, "a canonical path")
                path, chunks = opened, []
            case FileChunk(of, text) | PatchChunk(of, text):
                check(of == path and bool(text), "a chunk of the open block")
                chunks.append(text)
            case (
                FileClosed(of, content)
                | PatchClosed(of, content)
                | FileTruncated(of, content)
            ):
                check(
                    of == path and "".join(chunks) == content, "the sum of its chunks"
                )
                path = None
            case Diagnostic(message=message, line=line):
                check(line > 0 and message.endswith("."), "a sentence with a line")
            case _:
                check(path is None, "nothing else inside a block")
    check(path is None, "every block ends")
