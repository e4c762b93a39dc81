"""What the language model is told: a system text, the context, the task.

The shape is fixed: system; the request and what came before; the files; the task.
The first three stay the same within a phase, so that a provider's cache can serve them.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from agent.domain.problems import sentence
from agent.domain.prompting.context import CHARS_PER_TOKEN, files_within, prompt_budget
from agent.domain.prompting.seam import Partial
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Phase, Run, Said
from agent.domain.state import MAX_TURN_CHARS, Project, Turn
from contracts.project import Image, PlannedFile, Problem
from scof import INSTRUCTIONS

PATCH_FROM_LINES = 120
"""Lines of a file from which a patch is asked for, instead of all of it."""
_RECENT_CHARS = 6_000
"""What was said last and is told in full."""
_MESSAGES_CHARS = 24_000
"""Of messages to the run, the newest of which are told in full."""
_LOCKED_CHARS = 4_000
"""Of paths that may not be written."""
_PHASE_CHARS = 2_000
"""Of the description of an earlier phase."""
_OLDER_CHARS = 4_000
_SHORT_CHARS = 160
"""What was said before, each of it as a beginning of so many characters."""
_IMAGE_CHARS = 1_600 * CHARS_PER_TOKEN
"""What a picture takes of the window, at most."""
_REQUEST_SHARE = 0.2
"""Of the room beside the task: what each text of a person has at most."""
_TOLD_SHARE = 0.1
"""What earlier phases and what was said before have."""


class Message(Struct, frozen=True):
    """A message of a chat completion."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image, ...] = ()


_ROLE = """\
You build small web applications that work, for people who may not program. You write \
clean, complete code and finish what you begin.

How the app is run
- In an empty Linux folder with Node 24 and Python 3; nobody answers questions.
- The app listens on the host and the port given by the environment variables HOST and \
PORT. Vite gets both from outside: do not set them in its configuration.
- It is shown in a frame, below the root path of an origin of its own.
- It reaches no other server at run time: no CDN, no remote fonts, no API keys.

What to build with
- Unless the request says otherwise: Vite, React and TypeScript, plain CSS. A page \
that needs no packages is one index.html with its own CSS and script files.
- package.json has a "dev" script and names every package with an exact version. Use \
few packages, and only ones that you know well.
- State that a person would miss after a reload goes to localStorage.
- Make it look finished: spacing, contrast, hover and focus, a layout for small \
screens, a sentence where a list is empty, labels for controls.

What is expected of every file
- Complete and final: no placeholders, no "rest unchanged", no TODO.
- Imports name files that exist or that this phase writes.
- Change what the request needs and leave the rest as it is.
"""

_DESIGN_TASK = """\
# Design the next phase

Plan the next phase of the work on the request, as JSON.

- A first phase already gives an app that starts and can be used; small requests need \
one phase, larger ones few.
- Name every file that the phase creates or changes, and no other; at most 20.
- A new app with packages has its package.json, index.html and configuration in the \
first phase.
- Take in the messages: they are newer than the request.
- The description says what a person sees and can do afterwards, and the facts that \
the files must agree on: names, types, layout. No code.
- isLastPhase is true when nothing of the request is left to do. When everything is \
done already, answer with no files and isLastPhase true.
- reply is null, unless the person asks a question. Then it is the answer, for \
somebody who does not program, and files is empty unless a change is wanted as well.
"""

_IMPLEMENT_TASK = """\
Write these files now, completely, in this order, one block for each. A file that is \
shown above is edited: keep what the phase does not change.
"""

_WHOLE_FILES = """\
An earlier answer was not complete. Give whole files this time, no patches.
"""


def design_messages(
    project: Project, run: Run, window_tokens: int | None = None
) -> list[Message]:
    """Return the messages of a design call."""
    task = _DESIGN_TASK
    if run.problems:
        task += _problems(run.problems)
    if run.kept:
        task += (
            "\n# Kept\nA person changed these files while you wrote them, and that "
            f"version was kept: {', '.join(run.kept)}\n"
        )
    if project.settings.locked_paths:
        paths = ", ".join(project.settings.locked_paths)
        locked = _shortened(paths, _LOCKED_CHARS)  # none of them is recorded anyway
        task += f"\n# Locked\nPlan no change of these: {locked}\n"
    if run.last_error is not None:
        task += f"\nYour last answer could not be used: {run.last_error}\n"
    wanted = [*run.touched, *_paths_of(run.problems)]
    newest = _newest(run.messages, _MESSAGES_CHARS)
    texts = [run.prompt, *(said.text for said in newest)]
    texts += [problem.message for problem in run.problems]
    ending = [Message("user", task)]
    about = _About(run.phases, wanted, texts)
    return _with_context(project, run, about, ending, window_tokens)


def implement_messages(
    project: Project,
    run: Run,
    effect: ImplementPhase,
    window_tokens: int | None = None,
    cut: Partial | None = None,
) -> list[Message]:
    """Return the messages of a call that writes the files of *effect*.

    With *cut* the model goes on with that file, in the middle of which it ended.
    """
    phase = run.phases[effect.phase_index]
    earlier = run.phases[: effect.phase_index]
    task = f"# Phase\n{phase.name}\n{phase.description}\n\n# Write these files\n"
    # A patch that did not apply, or a file that was cut off, is asked for whole.
    is_first = effect.attempt == 1
    task += "".join(
        _planned(file, _hint(project, file.path) if is_first else "")
        for file in effect.missing
    )
    hint = "" if is_first else _WHOLE_FILES
    task += f"\n{_IMPLEMENT_TASK}{hint}\n{INSTRUCTIONS}"
    if phase.problems:
        task += _problems(phase.problems)
    wanted = [file.path for file in phase.files]
    wanted += [*run.touched, *_paths_of(phase.problems)]
    texts = [phase.description, *(file.purpose for file in phase.files)]
    texts += [problem.message for problem in phase.problems]
    ending = [Message("user", task)] if cut is None else _going_on(task, cut)
    about = _About(earlier, wanted, texts)
    return _with_context(project, run, about, ending, window_tokens)


def _going_on(task: str, partial: Partial) -> list[Message]:
    question = (
        f"{task}\n# Go on\nYour answer reached its limit of length in the "
        f"middle of {partial.path}. Do not begin that file again: write its last "
        f"complete line once more, which is\n{partial.last_line}\nand go on from there "
        "to the end of the file and its marker. Then write the files that are left.\n"
    )
    return [Message("assistant", partial.block), Message("user", question)]


class _About(Struct, frozen=True):
    """What a call is about; *texts* may name files beside those *wanted*."""

    phases: tuple[Phase, ...]
    wanted: Iterable[str]
    texts: Iterable[str]


def _with_context(
    project: Project,
    run: Run,
    about: _About,
    ending: list[Message],
    window_tokens: int | None,
) -> list[Message]:
    """Return the messages of a call that ends with *ending*, within the window."""
    images = (*run.images, *(image for said in run.messages for image in said.images))
    room = prompt_budget(window_tokens) - len(_ROLE) - len(images) * _IMAGE_CHARS
    room = max(0, room - sum(len(message.content) for message in ending))
    request = _request(project, run, about.phases, room)
    said = "\n".join(about.texts)
    left = max(0, room - len(request))
    files = files_within(project.files, about.wanted, said, window_tokens, left)
    return [
        Message("system", _ROLE),
        Message("user", request, images),
        Message("user", f"# Files\n{files}"),
        *ending,
    ]


def _request(project: Project, run: Run, phases: tuple[Phase, ...], room: int) -> str:
    """Return what is wanted and what came before; a small window gets less of it."""
    most, told_most = int(room * _REQUEST_SHARE), int(room * _TOLD_SHARE)
    told = _newest(run.messages, min(_MESSAGES_CHARS, most))
    lines = [f"- {_shortened(_one_line(said.text), most)}" for said in told]
    if len(told) < len(run.messages):
        lines.insert(0, f"- ({len(run.messages) - len(told)} older ones, left out)")
    each = min(_PHASE_CHARS, told_most // max(1, len(phases)))
    numbered = [
        f"{number}. {_one_line(phase.name)}: {_one_line(phase.description)[:each]}"
        for number, phase in enumerate(phases, 1)
    ]
    request = (
        f"# App\n{_shortened(project.description, most)}\n\n"
        f"# Request\n{_shortened(run.prompt, most)}\n\n"
        f"# Messages\n{_lines(lines)}\n\n"
        f"# Phases of this run\n{_lines(numbered)}\n"
    )
    before = _before(project.conversation, run, told, told_most)
    if before:
        request += f"\n# Said before\n{before}"
    return request


def _shortened(text: str, most: int) -> str:
    """Return *text*, without its middle where the window has no room for it."""
    if len(text) <= most:
        return text
    half = most // 2
    gap = f" [... {len(text) - 2 * half} characters left out ...] "
    return text[:half] + gap + text[len(text) - half :]


def _newest(messages: tuple[Said, ...], room: int) -> tuple[Said, ...]:
    """Return the newest messages that there is room for, and at least one."""
    for number, said in enumerate(reversed(messages)):
        room -= len(said.text)
        if number and room < 0:
            return messages[-number:]
    return messages


def _before(
    turns: tuple[Turn, ...], run: Run, said: tuple[Said, ...], most: int
) -> str:
    """Return what was said beside the request and *said*, the older the shorter."""
    own = {text[:MAX_TURN_CHARS] for text in (run.prompt, *(one.text for one in said))}
    told: list[str] = []
    recent, older = min(_RECENT_CHARS, most // 2), min(_OLDER_CHARS, most // 2)
    for turn in reversed([turn for turn in turns if turn.text not in own]):
        text = _shortened(_one_line(turn.text), most)
        if recent > 0:
            recent -= len(text)
        else:
            text = text[:_SHORT_CHARS]
            older -= len(text)
        if older < 0:
            break
        told.append(f"- {'Person' if turn.by == 'user' else 'You'}: {text}\n")
    return "".join(reversed(told))


def _problems(problems: Iterable[Problem]) -> str:
    told = ["\n# Problems\nThe app does not work yet. This phase repairs it:\n"]
    for one in problems:
        rest = one.message.partition("\n")[2].strip("\n")
        detail = "".join(f"  {line}\n" for line in rest.split("\n")) if rest else ""
        told.append(f"- {one.source}: {sentence(one)}\n{detail}")
    return "".join(told)


def _paths_of(problems: Iterable[Problem]) -> list[str]:
    return [problem.path for problem in problems if problem.path is not None]


def _hint(project: Project, path: str) -> str:
    """Return how an existing file is best changed."""
    known = project.files.get(path)
    if known is None or known.encoding != "utf-8":
        return ""
    lines = known.content.count("\n")
    return f" ({lines} lines: send a patch)" if lines >= PATCH_FROM_LINES else ""


def _planned(file: PlannedFile, hint: str) -> str:
    return f"- {file.path}: {_one_line(file.purpose)}{hint}\n"


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) if lines else "(none)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
