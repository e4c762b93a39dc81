"""What a follow-up edit costs in tokens, against sending and writing everything.

Recorded projects: the apps of the demo model, which are small, and the web client of
Atelier itself, which is not. For each edit the two prompts that the agent makes, plan
and files, are counted, and the answer that it asks for: patches of large files, whole
small ones. The rival sends all files in both prompts and has every file written whole.
Tokens are characters divided by four; ratios do not depend on that.
"""

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from time import process_time
from uuid import UUID

from msgspec import Struct

from agent.domain.content import file_of
from agent.domain.prompting.prompt import (
    PATCH_FROM_LINES,
    Message,
    design_messages,
    implement_messages,
)
from agent.domain.replay import read_history
from agent.domain.run import ImplementPhase
from agent.domain.run_state import Phase, Run
from agent.domain.state import Project, folded
from contracts import codec
from contracts.project import PlannedFile
from scof import serialize
from standalone.demo_model.library import load

ROOT = Path(__file__).parents[2]
CHARS_PER_TOKEN = 4
ID = UUID(int=1)
FOLDED = 10_000
"""Events; folding them is to take well under a tenth of a second."""


class Edit(Struct, frozen=True):
    """A follow-up request and the files that it changes."""

    request: str
    paths: tuple[str, ...]


LARGE_EDITS = (
    Edit("Make the buttons rounder", ("src/ui/button.tsx",)),
    Edit("The search should ignore accents", ("src/search.ts",)),
    Edit(
        "Reconnect the socket sooner, and say so in the state",
        ("src/socket.ts", "src/state.ts"),
    ),
    Edit("Sort the files by name in the tree", ("src/tree.ts",)),
)


def main() -> None:
    """Print a table, one line for each edit, and how fast logs are folded."""
    line = "{:<14} {:<42} {:>9} {:>9} {:>9} {:>9} {:>6}\n"
    heads = ("project", "edit", "in, all", "in, ours", "out, all", "out, ours", "ratio")
    sys.stdout.write(line.format(*heads))
    for name, files, edits in projects():
        for edit in edits:
            ours, everything = asked(files, edit), asked_everything(files, edit)
            shorter, longer = written(files, edit), written_whole(files, edit)
            ratio = (everything + longer) / (ours + shorter)
            numbers = (everything, ours, longer, shorter, f"{ratio:.1f}x")
            sys.stdout.write(line.format(name, edit.request[:42], *numbers))
    sys.stdout.write(f"\nfolding {FOLDED:,} events: {folding_ms():.0f} ms\n")


def projects() -> list[tuple[str, dict[str, str], tuple[Edit, ...]]]:
    """Return the recorded projects by name, with the edits."""
    found = []
    for app in load().apps:
        edits = tuple(
            Edit(f"{step.name}: {step.description}", tuple(step.contents))
            for step in app.edits
        )
        found.append((app.title, dict(app.complete), edits))
    return [*found, ("web client", web_client(), LARGE_EDITS)]


def web_client() -> dict[str, str]:
    """Return the sources of the web client, without what is generated."""
    folder = ROOT / "services" / "web"
    names = [*(folder / "src").rglob("*.ts*"), *(folder / "src").rglob("*.css")]
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(names)
        if path.name != "contract.ts"
    }


def asked(files: Mapping[str, str], edit: Edit) -> int:
    """Return the tokens of both prompts of the agent."""
    project, run, effect = state(files, edit)
    plan = design_messages(project, Run(ID, edit.request, None, 10))
    return tokens(plan) + tokens(implement_messages(project, run, effect))


def asked_everything(files: Mapping[str, str], edit: Edit) -> int:
    """Return the tokens of both prompts with all files in them."""
    project, run, effect = state({}, edit)
    plan = design_messages(project, Run(ID, edit.request, None, 10))
    rest = tokens(plan) + tokens(implement_messages(project, run, effect))
    return rest + 2 * count(serialize(dict(files)))


def written(files: Mapping[str, str], edit: Edit) -> int:
    """Return the tokens of the answer that the agent asks for."""
    total = 0
    for path in edit.paths:
        before = files.get(path, "")
        after = edited(before)
        if before.count("\n") < PATCH_FROM_LINES:
            total += count(serialize({path: after}))
        else:
            lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
            total += count("".join(list(difflib.unified_diff(*lines))[2:]))
    return total


def written_whole(files: Mapping[str, str], edit: Edit) -> int:
    """Return the tokens of all changed files."""
    return sum(
        count(serialize({path: edited(files.get(path, ""))})) for path in edit.paths
    )


def edited(text: str) -> str:
    """Return *text* with a line changed and two added in its middle."""
    lines = text.splitlines(keepends=True) or ["\n"]
    middle = len(lines) // 2
    new = ["// changed here\n", "// and this\n", "// is new\n"]
    return "".join([*lines[:middle], *new, *lines[middle + 1 :]])


def state(files: Mapping[str, str], edit: Edit) -> tuple[Project, Run, ImplementPhase]:
    """Return a project with *files* in whose run *edit* is planned."""
    stored = {path: file_of(ID, text, "utf-8") for path, text in files.items()}
    planned = tuple(PlannedFile(path, "changes as asked") for path in edit.paths)
    phase = Phase("Edit", edit.request, planned, is_last=True)
    run = Run(ID, edit.request, None, 10, phases=(phase,))
    return Project(files=stored), run, ImplementPhase(ID, 0, 1, planned)


def tokens(messages: list[Message]) -> int:
    """Return the tokens of a prompt."""
    return sum(count(message.content) for message in messages)


def count(text: str) -> int:
    """Return the tokens of a text."""
    return len(text) // CHARS_PER_TOKEN


def folding_ms() -> float:
    """Return how long it takes to read and fold a long log, the best of five."""
    path = ROOT / "tests" / "data" / "histories" / "people.jsonl"
    recorded = list(read_history(path.read_bytes().splitlines()))
    data = [bytes(one.data) for one in recorded] * (FOLDED // len(recorded) + 1)
    best = float("inf")
    for _ in range(5):
        begun = process_time()
        folded(Project(), map(codec.decode_stored, data[:FOLDED]))
        best = min(best, process_time() - begun)
    return best * 1000


if __name__ == "__main__":
    main()
