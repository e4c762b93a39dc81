"""Reading the answer to a question out of a plan that is still arriving."""

import json
import re

_START = re.compile(r'(?<!\\)"reply"\s*:\s*"')
_WHOLE = re.compile(r'(?:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])*')
"""Characters and escapes that are whole."""


class ReplyReader:
    """Fed with JSON piece by piece; returns what is new of its ``reply``."""

    def __init__(self) -> None:
        self._text = ""
        self._start: int | None = None
        self._shown = 0
        self._over = False

    def feed(self, text: str) -> str:
        """Return the characters of the reply that *text* adds."""
        if self._over:
            return ""
        self._text += text
        if self._start is None:
            found = _START.search(self._text)
            if found is None:
                return ""
            self._start = found.end()
        reply = self._decoded(self._text[self._start :])
        fresh, self._shown = reply[self._shown :], max(self._shown, len(reply))
        return fresh

    def _decoded(self, raw: str) -> str:
        found = _WHOLE.match(raw)
        whole = found[0] if found else ""
        self._over = raw[len(whole) : len(whole) + 1] == '"'
        try:
            reply = str(json.loads(f'"{whole}"', strict=False))
        except ValueError:
            self._over = True  # the plan is no JSON, which its reader will say
            return ""
        if not self._over and "\ud800" <= reply[-1:] <= "\udbff":
            reply = reply[:-1]  # half of a pair: the other one is still to come
        return reply.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
