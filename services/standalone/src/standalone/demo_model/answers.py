"""What the demo model answers: the next phase, or the files of one.

It remembers nothing: the same question gets the same answer, from the prompt alone.
"""

from collections.abc import Iterator, Mapping, Sequence

from scof import serialize
from standalone.demo_model.edits import diff, edits_for, patched
from standalone.demo_model.library import App, Library, Step, words_of
from standalone.demo_model.prompt import Implement, Prompt

_CARRY_ON = frozenset({"continue", "finish", "complete", "resume", "proceed"})


class CannotAnswer(Exception):
    """The question is understood, but nothing built in answers it; one sentence."""


def design(library: Library, prompt: Prompt) -> dict[str, object]:
    """Return the next phase, in the form of the schema `phase`."""
    app, preface = _app(library, prompt)
    steps = _steps(app, prompt)
    index = len(prompt.phases)
    if index >= len(steps):
        return {
            "name": "Nothing left to do",
            "description": "Everything that was asked for is there.",
            "files": [],
            "isLastPhase": True,
        }
    step = steps[index]
    return {
        "name": step.name,
        "description": step.description + ("" if index else preface),
        "files": [
            {"path": path, "purpose": purpose}
            for path, purpose in step.purposes.items()
        ],
        "isLastPhase": index == len(steps) - 1,
    }


def implement(library: Library, prompt: Prompt, task: Implement) -> str:
    """Return the files that *task* asks for, as SCOF, in its order.

    Raises:
        CannotAnswer: A file is neither in that phase nor in the app.

    """
    app, _ = _app(library, prompt)
    step = _step_named(app, prompt, task.name)
    contents = {**app.complete, **prompt.files, **(step.contents if step else {})}
    for path in task.paths:
        if path not in contents:
            raise CannotAnswer(
                f"The demo model has no file {path!r}: it knows its built-in apps only."
            )
    patches = step is not None and step.patched and not task.whole
    originals = prompt.files if patches else {}
    blocks = _blocks(task.paths, contents, originals)
    return f"# {app.title}: {task.name}\n\n" + "\n".join(blocks)


def _app(library: Library, prompt: Prompt) -> tuple[App, str]:
    """Return the app that is meant, and what to say if nothing really fits."""
    steps = prompt.phases if prompt.task is None else (*prompt.phases, prompt.task.name)
    if known := library.recognise(prompt.files.keys(), steps):
        return known, ""
    choice = library.choose(f"{prompt.app}\n{prompt.request}")
    if choice.is_meant:
        return choice.app, ""
    return choice.app, (
        " The demo model answers from built-in apps and has none for this request;"
        f" the nearest one is {choice.app.about}."
    )


def _steps(app: App, prompt: Prompt) -> Sequence[Step]:
    """Return all phases of this run, those that are done included.

    A first run builds the app, as does one after a run that was stopped in the first
    phase; what a person asks for meanwhile, and in later runs, are edits.
    """
    builds = (
        prompt.files.items() < app.phases[0].contents.items()
        or prompt.request == prompt.app
        or app.phases[0].name in prompt.phases
    )
    if builds:
        return [*app.phases, *_edits(app, prompt.remarks, prompt)]
    if _carries_on(prompt) and (left := _left(app, prompt)):
        return [*left, *_edits(app, prompt.remarks, prompt)]
    return _edits(app, (prompt.request, *prompt.remarks), prompt)


def _carries_on(prompt: Prompt) -> bool:
    return not _CARRY_ON.isdisjoint(words_of(prompt.request))


def _left(app: App, prompt: Prompt) -> Sequence[Step]:
    """Return the phases that a stopped run left out, and those that this one made."""
    return [
        step
        for step in app.phases
        if step.name in prompt.phases or step.contents.keys() - prompt.files.keys()
    ]


def _edits(app: App, requests: Sequence[str], prompt: Prompt) -> list[Step]:
    return [e for text in requests for e in edits_for(app, text, prompt.files)]


def _step_named(app: App, prompt: Prompt, name: str) -> Step | None:
    """Return the phase or edit of this name, made for the files as they are.

    The requests of the run say what an edit is about; where none of them leads to that
    name, the name itself may.
    """
    edits = _edits(app, (prompt.request, *prompt.remarks, name), prompt)
    return next((step for step in (*app.phases, *edits) if step.name == name), None)


def _blocks(
    paths: Sequence[str], contents: Mapping[str, str], originals: Mapping[str, str]
) -> Iterator[str]:
    """Yield a block for each path: a diff where there is an original, else whole."""
    for path in paths:
        before, after = originals.get(path), contents[path]
        patch = diff(path, before, after) if before else ""
        if before and patched(before, patch) == after:
            yield _patch_block(path, patch)
        else:
            yield serialize({path: after})


def _patch_block(path: str, patch: str) -> str:
    marker = "PATCH"
    while marker in patch.split("\n"):
        marker += "_"
    return f"cat << '{marker}' | patch {path}\n{patch}{marker}\n"
