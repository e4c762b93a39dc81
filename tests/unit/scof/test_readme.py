"""What the README and the instructions say is true."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

import scof
from scof import (
    INSTRUCTIONS,
    Code,
    Command,
    FileClosed,
    Limits,
    PatchClosed,
    apply_patch,
    serialize,
)
from tests.unit.scof.answers import codes, files, read

README = Path(__file__).parents[3] / "libs" / "scof" / "README.md"
TEXT = README.read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str) -> None:
    exec(compile(example, str(README), "exec"), {})  # noqa: S102 - that is the point


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


def test_every_code_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", TEXT))
    assert set(get_args(Code)) <= explained


def test_every_limit_is_explained() -> None:
    assert all(f"| `{field.name}` |" in TEXT for field in fields(Limits))


def test_every_public_name_has_a_docstring() -> None:
    documented = [name for name in scof.__all__ if name[0].isupper()]
    callables = [
        getattr(scof, n) for n in documented if isinstance(getattr(scof, n), type)
    ]
    assert all(thing.__doc__ for thing in callables)


def test_the_readme_itself_survives_the_format() -> None:
    assert files(read(*serialize({"README.md": TEXT}))) == {"README.md": TEXT}


def test_the_instructions_show_forms_that_are_read_as_they_say() -> None:
    file, patch, command = (
        event
        for event in read(INSTRUCTIONS)
        if isinstance(event, FileClosed | PatchClosed | Command)
    )
    assert file == FileClosed("src/example.ts", "export const answer = 42\n")
    assert isinstance(patch, PatchClosed)
    assert apply_patch(file.content, patch.diff) == "export const answer = 43\n"
    assert command == Command(("npm", "install", "zod"))
    assert codes(read(INSTRUCTIONS)) == []


def test_the_package_imports_nothing_but_pure_parts_of_the_standard_library() -> None:
    source = README.parent / "src" / "scof"
    text = "\n".join(path.read_text() for path in source.rglob("*.py"))
    imported = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imported == {
        "collections",
        "dataclasses",
        "re",
        "scof",
        "typing",
        "unicodedata",
    }
