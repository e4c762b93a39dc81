"""Which files the language model sees whole and which as an outline.

A small project is shown whole. Of a larger one only what matters for the step: the
files that it changes, what they import, what people and problems name, and the app's
manifest; of the rest one line each, so that the model knows that it is there.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from agent.domain.content import File
from scof import serialize

SMALL_CHARS = 32_000
"""Text of a project that is shown whole, about 9,000 tokens."""
CHARS_PER_TOKEN = 3
"""At least, in code: an estimate that errs towards too many tokens."""
WINDOW_TOKENS = 128_000
"""Where the provider does not say how much a model takes in."""
_SHARE_OF_PROMPT = 0.75
"""Of the window; the rest is for the answer."""
_SHARE_OF_FILES = 0.6
"""Of the window, shown whole at most."""
_SHARE_OF_OUTLINE = 0.2
"""Of what the files have, where they are not shown whole."""
_MAX_OUTLINE_NAMES = 8
_MAX_OUTLINE_CHARS = 24_000
_MANIFESTS = ("package.json", "index.html", ".sandbox.json", "requirements.txt")
_MAX_MANIFEST_CHARS = 8_000

_IMPORT = re.compile(
    r"""(?:from|import|require\(|src=|href=|@import)\s*\(?\s*["']([^"']+)["']"""
)
_PY_IMPORT = re.compile(r"^\s*(?:from|import)\s+([.\w]+)", re.MULTILINE)
_NAME = re.compile(
    r"^\s*(?:export\s+(?:default\s+)?(?:async\s+)?)?"
    r"(?:function|class|const|let|type|interface|enum|def)\s+(\w+)",
    re.MULTILINE,
)
_FILE_NAME = re.compile(r"[\w.-]+")
_WORD = re.compile(r"\w+")
_SUFFIXES = (
    *("", ".ts", ".tsx", ".js", ".jsx", ".vue", ".svelte", ".css", ".py", ".json"),
    *("/index.ts", "/index.tsx", "/index.js"),
)


class Shown(Struct, frozen=True):
    """What of the files is shown."""

    whole: tuple[str, ...]
    outlined: tuple[str, ...]


def prompt_budget(window_tokens: int | None) -> int:
    """Return the characters that a prompt may have in all."""
    tokens = window_tokens or WINDOW_TOKENS
    return int(tokens * CHARS_PER_TOKEN * _SHARE_OF_PROMPT)


def files_budget(window_tokens: int | None) -> int:
    """Return the characters of files that are shown whole at most."""
    tokens = window_tokens or WINDOW_TOKENS
    return int(tokens * CHARS_PER_TOKEN * _SHARE_OF_FILES)


def files_within(
    files: Mapping[str, File],
    wanted: Iterable[str],
    said: str,
    window_tokens: int | None,
    room: int,
) -> str:
    """Return the files as the model reads them, in about *room* characters."""
    outline = min(_MAX_OUTLINE_CHARS, int(room * _SHARE_OF_OUTLINE))
    budget = min(files_budget(window_tokens), room - outline)
    return render(files, select(files, wanted, said, budget), outline)


def select(
    files: Mapping[str, File], wanted: Iterable[str], said: str, budget: int
) -> Shown:
    """Return which of *files* are shown whole, in at most *budget* characters.

    *wanted* are paths that the step is about, the most important first; *said* is what
    people and the plan say, which may name others.
    """
    texts = {path: file for path, file in files.items() if file.encoding == "utf-8"}
    if sum(len(file.content) for file in texts.values()) <= min(SMALL_CHARS, budget):
        ranked: Iterable[str] = sorted(texts)
    else:
        ranked = _ranked(texts, wanted, said)
    whole: list[str] = []
    for path in ranked:
        size = len(texts[path].content) + len(path) + len("cat > '' << 'EOF'\nEOF\n")
        if size <= budget:
            whole.append(path)
            budget -= size
    rest = sorted(files.keys() - set(whole))
    return Shown(tuple(sorted(whole)), tuple(rest))


def render(
    files: Mapping[str, File], shown: Shown, outline_chars: int = _MAX_OUTLINE_CHARS
) -> str:
    """Return the files as the model reads them."""
    parts = [serialize({path: files[path].content for path in shown.whole})]
    if shown.outlined:
        parts.append("\n# Other files, not shown\n")
        room = outline_chars
        for number, path in enumerate(shown.outlined):
            line = _outline(path, files[path])
            room -= len(line)
            if room < 0:
                parts.append(f"- and {len(shown.outlined) - number} more\n")
                break
            parts.append(line)
    return "".join(parts) or "(none)\n"


def _outline(path: str, file: File) -> str:
    if file.encoding != "utf-8":
        return f"- {path} ({file.size} bytes, not text)\n"
    lines = file.content.count("\n") + 1
    names = list(dict.fromkeys(_NAME.findall(file.content)))
    more = f": {', '.join(names[:_MAX_OUTLINE_NAMES])}" if names else ""
    return f"- {path} ({lines} lines){more}\n"


def _ranked(files: Mapping[str, File], wanted: Iterable[str], said: str) -> list[str]:
    """Return paths that matter, each once, the most important first."""
    first = [path for path in wanted if path in files]
    spoken = _Spoken(said)
    named = [path for path in sorted(files) if spoken.names(path)]
    seeds = list(dict.fromkeys([*first, *named]))
    imported = [
        found for path in seeds for found in _imports(path, files[path].content, files)
    ]
    manifests = [
        path
        for path in _MANIFESTS
        if path in files and len(files[path].content) <= _MAX_MANIFEST_CHARS
    ]
    return list(dict.fromkeys([*seeds, *manifests, *imported]))


class _Spoken:
    """What people and plans say, as words: it is asked of every file."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._names = {word.rstrip(".-") for word in _FILE_NAME.findall(said)}
        self._words = set(_WORD.findall(said))

    def names(self, path: str) -> bool:
        """Tell whether the file at *path* is spoken of."""
        name = posixpath.basename(path)
        stem = name.split(".", 1)[0]
        if path in self._said or name in self._names:
            return True
        # A component is spoken of by its name: "the Board", "useTasks".
        is_telling = len(stem) > 4 and not stem.islower()  # noqa: PLR2004 - not a word
        return is_telling and stem in self._words


def _imports(path: str, content: str, files: Mapping[str, File]) -> list[str]:
    """Return which of *files* the file at *path* imports."""
    folder = posixpath.dirname(path)
    found: list[str] = []
    for target in _IMPORT.findall(content):
        if target.startswith("/"):
            base = target[1:]
        elif target.startswith("@/"):
            base = f"src/{target[2:]}"
        else:
            base = posixpath.normpath(posixpath.join(folder, target))
        found += [base + suffix for suffix in _SUFFIXES if base + suffix in files]
    if path.endswith(".py"):
        for module in _PY_IMPORT.findall(content):
            base = posixpath.join(folder, module.strip(".").replace(".", "/"))
            found += [
                one for one in (f"{base}.py", f"{base}/__init__.py") if one in files
            ]
    return found
