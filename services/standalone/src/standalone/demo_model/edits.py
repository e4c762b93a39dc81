"""What can be changed in a finished app: prepared edits, title, colour, a note.

An edit is worked out against the files as they are, which other edits and the person
have changed: where a prepared edit does not fit any more, it is not offered, and the
note, which always fits, takes its place. Applied twice, an edit changes nothing.
"""

import difflib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scof import PatchFailed, apply_patch
from standalone.demo_model.library import App, Step, words_of

PAGE = "index.html"

HUES = {
    "red": 25,
    "orange": 55,
    "yellow": 85,
    "amber": 75,
    "green": 150,
    "teal": 185,
    "turquoise": 190,
    "cyan": 210,
    "blue": 250,
    "indigo": 277,
    "purple": 300,
    "violet": 295,
    "magenta": 330,
    "pink": 350,
}
"""Degrees in OKLCH; every colour of the apps is made from one hue."""

_READ_CHARS = 2_000  # of a request; the patterns below are not linear
_DIFFED_CHARS = 200_000  # of a file; difflib is not linear either
_QUOTED_CHARS = 300
_NAMED_CHARS = 40
_TITLE_CHARS = 60

_QUOTED_TITLE = re.compile(
    r"\b(?:title|heading|headline|name|call|rename)\b[^\"“«'\u2018\n]*"
    r"(?<!\w)[\"“«'\u2018](?P<title>[^\"”»\n]+?)[\"”»'\u2019](?!\w)",
    re.IGNORECASE,
)
_PLAIN_TITLE = re.compile(
    r"\b(?:call (?:it|this)|rename (?:it|this|the \w+) to"
    r"|(?:title|heading|headline)\b[^.\n]{0,20}\b(?:to|be|say|read|is))"
    r":?\s+(?P<title>[^\n]+)",
    re.IGNORECASE,
)
_HUE = re.compile(r"--hue: \d+;")
_TITLE_ELEMENT = re.compile(r"(<title>)[^<]*(</title>)")
_H1_ELEMENT = re.compile(r"(<h1\b[^<>]*>)[^<]*(</h1>)")


def edits_for(app: App, request: str, files: Mapping[str, str]) -> Sequence[Step]:
    """Return the edits that *request* asks for in an app that consists of *files*."""
    title, rest = _new_title(request[:_READ_CHARS], files)
    edits = [title, *_prepared(app, rest, files), _new_colour(app, rest, files)]
    found = [edit for edit in edits if edit is not None]
    return found or [_note(request, files)]


def diff(path: str, before: str, after: str, context: int = 3) -> str:
    """Return a unified diff; empty for texts without a last line feed, or huge ones.

    *context* is how many unchanged lines stand round each change.
    """
    if not (before.endswith("\n") and after.endswith("\n")):
        return ""
    if len(before) > _DIFFED_CHARS:
        return ""
    old, new = (
        [f"{line}\n" for line in text[:-1].split("\n")] for text in (before, after)
    )
    names = (f"a/{path}", f"b/{path}")
    return "".join(difflib.unified_diff(old, new, *names, n=context))


def patched(text: str, patch: str) -> str | None:
    """Return *text* with *patch*, None where that does not fit."""
    try:
        return apply_patch(text, patch) if patch else None
    except PatchFailed:
        return None


def one_line(text: str, limit: int) -> str:
    """Return *text* without line feeds and control characters, cut at *limit*."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _prepared(app: App, request: str, files: Mapping[str, str]) -> Iterator[Step]:
    """Yield the edits of the app whose words fall and that fit the files."""
    words = words_of(request)
    for edit in app.edits:
        if edit.words.isdisjoint(words):
            continue
        contents = {
            path: _carried_over(path, app.complete.get(path), target, files.get(path))
            for path, target in edit.contents.items()
        }
        fitting = {path: text for path, text in contents.items() if text is not None}
        if len(fitting) == len(contents):
            yield replace(edit, contents=fitting)


def _carried_over(
    path: str, base: str | None, target: str, current: str | None
) -> str | None:
    """Make in *current* the change from *base* to *target*; None: it does not fit."""
    if base is None or current in (base, target):
        return target
    if current is None:
        return None
    if _patched_anyhow(path, current, target, base) is not None:
        return current  # it can be taken back, so it has been made
    return _patched_anyhow(path, current, base, target)


def _patched_anyhow(path: str, current: str, before: str, after: str) -> str | None:
    """Apply a diff with as much context as fits: other edits changed lines nearby."""
    texts = (patched(current, diff(path, before, after, n)) for n in (3, 2, 1))
    return next((text for text in texts if text is not None), None)


def _new_title(request: str, files: Mapping[str, str]) -> tuple[Step | None, str]:
    """Return the edit if a title is given, and the request without the title."""
    found = _QUOTED_TITLE.search(request) or _PLAIN_TITLE.search(request)
    page = files.get(PAGE)
    if found is None or page is None or not _TITLE_ELEMENT.search(page):
        return None, request
    title = one_line(found["title"], _TITLE_CHARS).strip(" .!?\"“”«»'\u2019\u2018")
    if not title:
        return None, request
    escaped = _escaped(title)
    for element in (_TITLE_ELEMENT, _H1_ELEMENT):
        page = element.sub(lambda tag: f"{tag[1]}{escaped}{tag[2]}", page, count=1)
    edit = Step(
        name=f"The title “{_plain(title)}”",
        description=f"The page is called “{title}” from now on.",
        purposes={PAGE: "The new title"},
        contents={PAGE: page},
        patched=True,
    )
    return edit, request[: found.start()] + request[found.end() :]


def _new_colour(app: App, request: str, files: Mapping[str, str]) -> Step | None:
    colour = next((word for word in words_of(request) if word in HUES), None)
    styles = files.get(app.stylesheet)
    if colour is None or styles is None or not _HUE.search(styles):
        return None
    return Step(
        name=f"A {colour} look",
        description=f"Buttons, backgrounds and lines turn {colour}, light and dark.",
        purposes={app.stylesheet: "The hue that every colour is made from"},
        contents={app.stylesheet: _HUE.sub(f"--hue: {HUES[colour]};", styles, count=1)},
        patched=True,
    )


def _note(request: str, files: Mapping[str, str]) -> Step:
    quoted = one_line(request, _QUOTED_CHARS)
    note = f"""\
    <aside
      aria-label="About this change"
      style="max-width: 42rem; margin: 2rem auto; padding: 1rem 1.25rem;
        border: 1px solid var(--line); border-radius: 1rem;
        background: var(--surface); color: var(--text)"
    >
      <p>You asked: “{_escaped(quoted)}”</p>
      <p>
        The demo model only knows its built-in apps and a few edits of them. With a real
        language model this is where your change would be.
      </p>
    </aside>
"""
    page = files.get(PAGE, "<!doctype html>\n<title>Note</title>\n")
    if note not in page:
        at = page.rfind("  </body>")
        page = f"{page}{note}" if at < 0 else f"{page[:at]}{note}{page[at:]}"
    return Step(
        name=f"A note on “{_plain(one_line(request, _NAMED_CHARS))}”",
        description=(
            "The demo model answers from built-in apps and has no such edit for this"
            " one, so it leaves a note about the request on the page."
        ),
        purposes={PAGE: "The note"},
        contents={PAGE: page},
    )


def _escaped(text: str) -> str:
    """Return *text* for an HTML page that Vite reads, where `%NAME%` is replaced."""
    return html.escape(text).replace("%", "&#37;")


def _plain(text: str) -> str:
    """Return *text* without the colon that ends a name in a list of phases."""
    return " ".join(text.replace(":", " ").split())
