"""Applying unified diffs, also the slightly wrong ones that models write."""

from scof.errors import PatchFailed


def apply_patch(original: str, diff: str) -> str:
    """Return *original* with *diff* applied to it.

    Raises:
        PatchFailed: It does not apply, or in more than one place.

    """
    hunks = diff.split("\n@@")
    text = "\n" + original
    for number, hunk in enumerate(hunks[1:] if diff[:2] != "@@" else hunks, 1):
        lines = hunk.rstrip("\n").split("\n")[1:]
        old = "".join(f"\n{line[1:]}" for line in lines if line[:1] in (" ", "-", ""))
        new = "".join(f"\n{line[1:]}" for line in lines if line[:1] in (" ", "+", ""))
        if text.count(old) != 1:
            raise PatchFailed(number, "its context is not there exactly once")
        text = text.replace(old, new)
    return text[1:]
