"""What is wrong with an app: what tools print and servers answer, made into reports.

Everything read here was printed by the app or by what it is made of, so it may be
anything and of any length. A place is named only where the project has that file.
"""

import re
from collections.abc import Collection, Iterable, Iterator

import msgspec
from msgspec import Struct

from contracts.project import Problem
from sandbox.domain.output import Mask, plain

MAX_PROBLEMS = 20
"""Most of one check: the first ones cause the others."""
MESSAGE_CHARS = 3000
TEXT_CHARS = 65_536
"""So much of an output is looked at: its beginning, and as much of its end."""

_PLACE = re.compile(r"([\w@.+~/%-]{1,300}):(\d{1,6})\b")
_PYTHON_PLACE = re.compile(r'File "([^"\n]{1,300})", line (\d{1,6})')
_TYPES = re.compile(
    r"^([^\s(][^(\n]{0,300})\((\d{1,6}),\d{1,6}\): error TS(\d{1,6}): (.*)$"
)
_GIST = re.compile(
    r"^\W{0,20}((?:Uncaught )?[\w.]{0,60}(?:Error|Exception|Warning)\b[^\n]{0,400})$",
    re.MULTILINE,
)
_WRAPPER = re.compile(r"^(?:Transform|Build) failed with \d+ errors?:\s*")
_SERVER_ERROR = 500


class Place(Struct, frozen=True):
    """A line of one of the project's files."""

    path: str | None = None
    line: int | None = None


def bounded(problems: Iterable[Problem], mask: Mask) -> list[Problem]:
    """Return *problems* without secrets and repeats, as many and as long as fits.

    They are recorded for ever. A secret is looked for before anything is cut, and once
    more without what steers a terminal, which may stand within it.
    """
    found: dict[tuple[str, str, str | None, int | None], Problem] = {}
    for one in problems:
        text = mask.hide(_plain_lines(mask.hide(one.message)))
        text = _shortened(text)
        if text:
            key = (one.source, text, one.path, one.line)
            found.setdefault(key, Problem(one.source, text, one.path, one.line))
    return list(found.values())[:MAX_PROBLEMS]


def _plain_lines(text: str) -> str:
    return "\n".join(plain(line) for line in excerpt(text).split("\n")).strip()


def _shortened(text: str) -> str:
    if len(text) <= MESSAGE_CHARS:
        return text
    half = MESSAGE_CHARS // 2
    return f"{text[:half]}\n...\n{text[-half:]}"


def excerpt(text: str) -> str:
    """Return *text*, of which a very long one loses its middle."""
    if len(text) <= TEXT_CHARS:
        return text
    return f"{text[: TEXT_CHARS // 2]}\n{text[-TEXT_CHARS // 2 :]}"


# --- places -----------------------------------------------------------------------


def known_path(path: str, files: Collection[str]) -> str | None:
    """Return the file of the project that *path*, as somebody names it, stands for."""
    path = path.partition("?")[0].removeprefix("file://").replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if "node_modules" in parts or ".venv" in parts:
        return None
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in names if name in files), None)


def locate(text: str, files: Collection[str]) -> Place:
    """Return the line of the project at which *text* says that it happened.

    Python tells the innermost call last, everybody else tells it first.
    """
    text = excerpt(text)
    found = Place()
    for match in _PYTHON_PLACE.finditer(text):
        path = known_path(match[1], files)
        if path is not None:
            found = Place(path, int(match[2]))
    if found.path is not None:
        return found
    for match in _PLACE.finditer(text):
        path = known_path(match[1], files)
        if path is not None:
            return Place(path, int(match[2]))
    return found


def line_of(text: str, words: str) -> int | None:
    """Return the first line of *text* in which *words* stand."""
    lines = enumerate(text.split("\n"), 1)
    return next((number for number, line in lines if words in line), None)


# --- steps that fail --------------------------------------------------------------


def of_output(
    source: str, reason: str, output: str, files: Collection[str], about: str = ""
) -> Problem:
    """Return a step that failed; *reason* is a sentence about it.

    Where it is *about* an address of the app, its file goes before what *output* names.
    """
    output = _plain_lines(output)
    path = known_path(about, files)
    place = locate(output, files) if path is None else Place(path)
    head = reason.rstrip(".")
    gists = _GIST.findall(output)
    # Python ends with what happened; Node begins with it, and says it once.
    if gists and gists[-1] not in head:
        head = f"{head}: {gists[-1].strip().rstrip('.')}"
    return Problem(source, f"{head}.\n{output}".strip(), place.path, place.line)


_MISSING_PACKAGE = (
    re.compile(r"\b404\b[^\n]{0,40} - GET \S{0,300}/(?P<name>[\w.%@-]{1,200})"),
    re.compile(r"No matching version found for (?P<name>@?[^@\s]{1,200})@"),
    re.compile(r"No matching distribution found for (?P<name>[\w.-]{1,200})"),
    re.compile(r"Because (?P<name>[\w.-]{1,200}) was not found"),
    re.compile(r"no versions? of (?P<name>[\w.-]{1,200})[^\w.-]"),
)


def of_install(reason: str, output: str, manifests: dict[str, str]) -> Problem:
    """Return an install that failed; *manifests* are texts that name packages."""
    place = locate(reason, manifests)
    place = place if place.path is not None else Place(next(iter(manifests), None))
    text = excerpt(output)
    names = [match["name"] for one in _MISSING_PACKAGE for match in one.finditer(text)]
    for name in names:
        for path, manifest in manifests.items():
            line = line_of(manifest, name.replace("%2f", "/"))
            if line is not None:
                place = Place(path, line)
                break
    return Problem("install", f"{reason}\n{output}".strip(), place.path, place.line)


# --- the type checker -------------------------------------------------------------

_NOT_TOLD = frozenset({"2307", "2792", "2882", "18003"})
"""Modules and their declarations that are not found: the dev server is the judge."""
_NOT_TOLD_KINDS = ("5", "6", "7")
"""TS5xxx: settings. TS6xxx: what is not used. TS7xxx: what has no type. None of them
keeps an app from working, and a repair costs money."""
_SHORT_CODE = 4


def of_types(output: str, files: Collection[str]) -> list[Problem]:
    """Return the errors that `tsc --pretty false` has printed."""
    found: list[Problem] = []
    for line in excerpt(output).split("\n"):
        match = _TYPES.match(line)
        if match is not None:
            place, code, text = match[1], match[3], match[4]
            path = known_path(place, files)
            told = path is not None and not _is_style(code)
            if told and len(found) < MAX_PROBLEMS:
                message = f"TS{code}: {text}"
                found.append(Problem("types", message, path, int(match[2])))
    return found


def _is_style(code: str) -> bool:
    is_kind = len(code) == _SHORT_CODE and code.startswith(_NOT_TOLD_KINDS)
    return code in _NOT_TOLD or is_kind


# --- servers ----------------------------------------------------------------------

_VITE_ERROR = re.compile(r"const error = (\{.*\})\s*$", re.MULTILINE)
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]{0,500}>", re.DOTALL)


class _Loc(Struct):
    file: str | None = None
    line: int | None = None


class _ViteError(Struct):
    message: str
    id: str | None = None
    frame: str | None = None
    loc: _Loc | None = None


_vite_errors = msgspec.json.Decoder(_ViteError)


def of_answer(
    status: int, address: str, body: str, log: str, files: Collection[str]
) -> Problem:
    """Return that the app answers *address* with an error.

    *log* is what the app has printed lately.
    """
    error = _vite_error(body)
    if error is not None:
        return _compile_error(error, files)
    text = " ".join(_TAG.sub(" ", excerpt(body)).split())[:500]
    about = f"{address} answers with an error ({status})."
    source = "http"
    return of_output(source, about, f"{text}\n{log}".strip(), files, address)


def _vite_error(body: str) -> _ViteError | None:
    match = _VITE_ERROR.search(body)
    if match is None:
        return None
    try:
        return _vite_errors.decode(match[1])
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _compile_error(error: _ViteError, files: Collection[str]) -> Problem:
    message = _WRAPPER.sub("", _plain_lines(error.message))
    text = f"{message}\n{error.frame or ''}".strip()
    loc = error.loc or _Loc()
    path = known_path(loc.file or error.id or "", files)
    place = locate(text, files)
    line = loc.line if path is not None else None
    if line is None and place.path is not None and path in (None, place.path):
        path, line = place.path, place.line
    return Problem("compile", text, path, line)


def is_error(status: int) -> bool:
    """Tell whether the app itself says that it has failed."""
    return status >= _SERVER_ERROR


# --- modules ----------------------------------------------------------------------

_SCRIPT = re.compile(
    r"<script\b[^>]{0,500}?\bsrc\s*=\s*[\"']?([^\"'\s>]{1,300})", re.IGNORECASE
)
_IMPORT = re.compile(r"(?:\bfrom|\bimport)\s*\(?\s*[\"'](/[^\"'\n]{1,300})[\"']")
_OTHERS = ("/@", "/node_modules/", "//")
"""Modules that are not the project's: of the dev server, of packages, of others."""


def scripts_of(html: str) -> Iterator[str]:
    """Yield the addresses of the project's scripts that a page asks for."""
    for match in _SCRIPT.finditer(html):
        address = match[1].removeprefix(".")
        if address.startswith("/") and not address.startswith(_OTHERS):
            yield address


def imports_of(code: str) -> Iterator[str]:
    """Yield the addresses of the project's modules that a module asks for."""
    for match in _IMPORT.finditer(code):
        if not match[1].startswith(_OTHERS):
            yield match[1]


def of_missing_module(address: str, wanted_by: str, text: str) -> Problem:
    """Return that there is no module at *address*; *text* is that of who wants it."""
    name = address.partition("?")[0]
    message = f"{wanted_by} asks for {name}, which does not exist."
    return Problem("compile", message, wanted_by, line_of(text, name.lstrip("/")))
