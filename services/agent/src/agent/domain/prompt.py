"""What the language model is told: a system text, the context, the task.

The shape is fixed: system; the request and what came before; the files; the task.
The first three stay the same within a phase, so that a provider's cache can serve them.
"""

from typing import Literal

from msgspec import Struct

from agent.domain.project import Project
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Phase, Run
from contracts.project import PlannedFile
from scof import INSTRUCTIONS, serialize


class Message(Struct, frozen=True):
    """A message of a chat completion."""

    role: Literal["system", "user"]
    content: str


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
"""

_IMPLEMENT_TASK = """\
Write these files now, completely, in this order, one block for each. A file that is \
shown above is edited: keep what the phase does not change.
"""

_WHOLE_FILES = """\
An earlier answer was not complete. Give whole files this time, no patches.
"""


def design_messages(project: Project, run: Run) -> list[Message]:
    """Return the messages of a design call."""
    task = _DESIGN_TASK
    if run.last_error is not None:
        task += f"\nYour last answer could not be used: {run.last_error}\n"
    return [*_context(project, run, run.phases), Message("user", task)]


def implement_messages(
    project: Project, run: Run, effect: ImplementPhase
) -> list[Message]:
    """Return the messages of a call that writes the files of *effect*."""
    phase = run.phases[effect.phase_index]
    earlier = run.phases[: effect.phase_index]
    task = f"# Phase\n{phase.name}\n{phase.description}\n\n# Write these files\n"
    task += "".join(_planned(file) for file in effect.missing)
    # A patch that did not apply, or a file that was cut off, is asked for whole.
    hint = _WHOLE_FILES if effect.attempt > 1 else ""
    task += f"\n{_IMPLEMENT_TASK}{hint}\n{INSTRUCTIONS}"
    return [*_context(project, run, earlier), Message("user", task)]


def _context(project: Project, run: Run, phases: tuple[Phase, ...]) -> list[Message]:
    lines = [f"- {_one_line(text)}" for text in run.messages]
    numbered = [
        f"{number}. {_one_line(phase.name)}: {_one_line(phase.description)}"
        for number, phase in enumerate(phases, 1)
    ]
    request = (
        f"# App\n{project.description}\n\n"
        f"# Request\n{run.prompt}\n\n"
        f"# Messages\n{_lines(lines)}\n\n"
        f"# Phases of this run\n{_lines(numbered)}\n"
    )
    files = {path: project.files[path].content for path in sorted(project.files)}
    shown = serialize(files) if files else "(none)\n"
    return [
        Message("system", _ROLE),
        Message("user", request),
        Message("user", f"# Files\n{shown}"),
    ]


def _planned(file: PlannedFile) -> str:
    return f"- {file.path}: {_one_line(file.purpose)}\n"


def _lines(lines: list[str]) -> str:
    return "\n".join(lines) if lines else "(none)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
