"""What an answer leaves behind: its events, applied to files."""

from collections.abc import Iterable, Mapping

from scof.diff import apply_patch
from scof.events import Event, FileClosed, PatchClosed


def replay(events: Iterable[Event], files: Mapping[str, str]) -> dict[str, str]:
    """Return *files*, content by path, as they are after *events*.

    Blocks apply in the order in which they closed; a patch applies to what an earlier
    block wrote. What was cut off changes nothing.

    Raises:
        PatchFailed: A patch does not apply.

    """
    result = dict(files)
    for event in events:
        if isinstance(event, FileClosed):
            result[event.path] = event.content
        elif isinstance(event, PatchClosed):
            result[event.path] = apply_patch(result.get(event.path, ""), event.diff)
    return result
