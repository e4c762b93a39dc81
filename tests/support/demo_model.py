"""Asks the demo model as the agent does, and reads its answers with the same parser."""

import json
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from typing_extensions import override

from scof import Diagnostic, FileClosed, Parser, PatchClosed, apply_patch, serialize
from standalone import demo_model
from standalone.ports import free_port
from standalone.program import Program
from tests.support.loopback import answers
from tests.support.servers import Server

APPS = Path(str(resources.files(demo_model))) / "apps"
"""The sources of the built-in apps."""

DESIGN_TASK = "# Design the next phase\n\nAnswer with JSON."
PHASE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "phase", "strict": True, "schema": {"type": "object"}},
}


def user_messages(
    app: str,
    *,
    request: str | None = None,
    remarks: Sequence[str] = (),
    phases: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    task: str = DESIGN_TASK,
) -> list[str]:
    """Return the three messages of the user."""
    numbered = [f"{number}. {name}: Done." for number, name in enumerate(phases, 1)]
    context = (
        f"# App\n{app}\n\n# Request\n{app if request is None else request}\n\n"
        f"# Messages\n{_list([f'- {remark}' for remark in remarks])}\n\n"
        f"# Phases of this run\n{_list(numbered)}\n"
    )
    return [context, f"# Files\n{serialize(files) if files else '(none)'}\n", task]


def implement_task(name: str, paths: Sequence[str]) -> str:
    """Return the task of writing *paths*; rules with a list of their own follow."""
    lines = "\n".join(f"- {path}: Its purpose: as planned." for path in paths)
    return (
        f"# Phase\n{name}\nWhat it brings.\n\n# Write these files\n{lines}\n\n"
        "Answer with shell commands.\n\nRules:\n- One block for each file.\n"
    )


def chat_body(messages: Sequence[str], **fields: object) -> dict[str, object]:
    """Return the body of a chat completion with these messages of the user."""
    system = {"role": "system", "content": "You build web apps."}
    users = [{"role": "user", "content": text} for text in messages]
    return {"model": "any/model", "messages": [system, *users], **fields}


def written_files(answer: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files that *answer* writes or patches.

    Raises:
        AssertionError: The parser has something to say about the answer.

    """
    parser = Parser()
    written: dict[str, str] = {}
    for event in [*parser.feed(answer), *parser.finish()]:
        match event:
            case Diagnostic():
                raise AssertionError(event)
            case FileClosed(path, content):
                written[path] = content
            case PatchClosed(path, diff):
                written[path] = apply_patch({**files, **written}[path], diff)
            case _:
                pass
    return written


def streamed(body: bytes) -> list[dict[str, Any]]:
    """Return the messages of a stream of events, which must have its end."""
    lines = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert lines[-1] == b"data: [DONE]"
    return [json.loads(line.removeprefix(b"data: ")) for line in lines[:-1]]


def app_toml(name: str) -> dict[str, Any]:
    """Return what the app's `app.toml` says, with the selectors to click and to see."""
    return tomllib.loads((APPS / name / "app.toml").read_text(encoding="utf-8"))


def lay_out(name: str, folder: Path, *steps: str) -> None:
    """Copy some of the app's folders into *folder*, later ones over earlier ones."""
    for step in steps:
        shutil.copytree(APPS / name / step, folder, dirs_exist_ok=True)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(lines) or "(none)"


class DemoModelServer(Server):
    """The demo model as a process of its own."""

    def __init__(self, folder: Path, *, characters_per_second: float = 0) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        pace = ("--characters-per-second", str(characters_per_second))
        argv = (sys.executable, "-m", "standalone.demo_model", "--port", str(port))
        super().__init__(Program("demo-model", (*argv, *pace)), folder)

    @override
    def is_ready(self) -> bool:
        return answers(f"{self.url}/health")
