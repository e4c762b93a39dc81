"""The generated documents are current and say what the structs say."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from contracts import browser
from contracts.__main__ import documents

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", sorted(documents()))
def test_generated_file_is_current(name: str) -> None:
    kept = (ROOT / name).read_text(encoding="utf-8")
    assert kept == documents()[name], "stale: run `make contracts`"


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    text = documents()["docs/contracts/asyncapi.json"]
    document = json.loads(text)
    for reference in _references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in _references(value)]
    return []


@pytest.mark.parametrize(
    "message",
    [
        browser.FileEnd(seq=3, data=browser.FileEndData(path="a.ts", content="")),
        browser.DepsInstalled(seq=4),
        browser.PreviewUrl(data=browser.PreviewUrlData(preview_url=None)),
    ],
)
def test_what_is_sent_fits_the_published_schema(message: browser.ServerMessage) -> None:
    schema = json.loads(documents()["docs/contracts/websocket.schema.json"])
    schema["$ref"] = f"#/$defs/{type(message).__name__}"
    jsonschema.validate(json.loads(msgspec.json.encode(message)), schema)


def test_a_field_that_a_client_may_leave_out_is_optional_in_typescript() -> None:
    text = documents()["services/web/src/contract.ts"]
    assert "  maxPhases?: number | null;" in text
    assert "  currentPhase: number | null;" in text


def test_the_seq_that_answers_lack_is_optional_in_typescript() -> None:
    text = documents()["services/web/src/contract.ts"]
    assert "  data: StateUpdateData;\n  seq?: number;\n" in text
