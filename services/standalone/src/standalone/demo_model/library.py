"""The built-in apps: which there are, what they consist of, and which one fits.

Each folder of `apps/` is an app: `app.toml` says what its phases and edits write, and
the folders that it names hold exactly those files.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable

import msgspec

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Step:
    """A phase or a prepared edit: files that are written together."""

    name: str
    description: str
    purposes: Mapping[str, str]
    """What each file is for, by path, in the order in which they are written."""
    contents: Mapping[str, str]
    words: frozenset[str] = frozenset()
    """What a request for this edit mentions; none for a phase."""
    patched: bool = False
    """Whether existing files are changed by diffs and not written whole."""


@dataclass(frozen=True)
class App:
    """One app, whole in memory."""

    title: str
    about: str
    """A noun with its article, for "The nearest one is ..."."""
    keywords: frozenset[str]
    """Who uses one of these means this app."""
    related: frozenset[str]
    """Who uses one of these may be helped by this app."""
    stylesheet: str
    phases: tuple[Step, ...]
    edits: tuple[Step, ...]

    @cached_property
    def complete(self) -> Mapping[str, str]:
        """The files after the last phase."""
        return {
            path: text for step in self.phases for path, text in step.contents.items()
        }

    @cached_property
    def phase_names(self) -> frozenset[str]:
        """No two apps share the name of a phase."""
        return frozenset(step.name for step in self.phases)


@dataclass(frozen=True, slots=True)
class Choice:
    """The app that answers, and whether it is what was asked for."""

    app: App
    is_meant: bool


@dataclass(frozen=True, slots=True)
class Library:
    """All apps; the first one answers what nothing fits."""

    apps: tuple[App, ...]

    def choose(self, text: str) -> Choice:
        """Return the app that the words of *text* call for."""
        words = words_of(text)
        meant = max(self.apps, key=lambda app: _hits(app.keywords, words))
        if _hits(meant.keywords, words):
            return Choice(meant, is_meant=True)
        nearest = max(self.apps, key=lambda app: _hits(app.related, words))
        return Choice(nearest, is_meant=False)

    def recognise(self, paths: Collection[str], steps: Collection[str]) -> App | None:
        """Return the app of a project that has these files and phases, if it is one.

        A phase tells it surely. Files do once the whole first phase is there: before
        that, some of one app's files may be all of another's.
        """
        built = [app for app in self.apps if app.phase_names & set(steps)]
        there = [
            app for app in self.apps if app.phases[0].contents.keys() <= set(paths)
        ]
        found = built or there
        return max(found, key=lambda app: len(app.phases[0].contents), default=None)


def load() -> Library:
    """Read the apps of this package; the simplest one comes first."""
    folder = package_files(__package__).joinpath("apps")
    names = ("focus", "kanban", "expenses")
    return Library(tuple(_app(folder.joinpath(name)) for name in names))


def words_of(text: str) -> Sequence[str]:
    """Return the lower-case words of *text*; "to-do" is one word, "todo"."""
    return _WORD.findall(text.lower().replace("-", ""))


def _hits(vocabulary: frozenset[str], words: Sequence[str]) -> int:
    return len(vocabulary.intersection(words))


class _Check(msgspec.Struct, forbid_unknown_fields=True):
    """For the browser tests; nothing here needs it."""

    click: str
    shows: str


class _StepFile(msgspec.Struct, forbid_unknown_fields=True):
    folder: str
    name: str
    description: str
    files: dict[str, str]
    words: frozenset[str] = frozenset()
    shows: str = ""
    patched: bool = False


class _AppFile(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    about: str
    keywords: frozenset[str]
    related: frozenset[str]
    stylesheet: str
    check: _Check
    phases: list[_StepFile]
    edits: list[_StepFile]


def _app(folder: Traversable) -> App:
    toml = folder.joinpath("app.toml").read_bytes()
    app = msgspec.toml.decode(toml, type=_AppFile)
    return App(
        title=app.title,
        about=app.about,
        keywords=app.keywords,
        related=app.related,
        stylesheet=app.stylesheet,
        phases=tuple(_step(folder, phase) for phase in app.phases),
        edits=tuple(_step(folder, edit) for edit in app.edits),
    )


def _step(folder: Traversable, step: _StepFile) -> Step:
    sources = folder.joinpath(step.folder)
    return Step(
        name=step.name,
        description=step.description,
        purposes=step.files,
        contents={
            path: sources.joinpath(path).read_text(encoding="utf-8")
            for path in step.files
        },
        words=step.words,
        patched=step.patched,
    )
