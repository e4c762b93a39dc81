"""JSON Schema (2020-12) of every message."""

from typing import Any, get_args

import msgspec

from contracts import browser, envelope, progress, project, requests, sandbox

Schema = dict[str, Any]

BUS_MESSAGES: tuple[Any, ...] = (
    envelope.Recorded,
    *get_args(project.ProjectEvent),
    *get_args(progress.ProgressMessage),
    progress.ReplyText,
    requests.CommandRequest,
    *get_args(requests.CommandAnswer),
    requests.QueryRequest,
    *get_args(requests.QueryAnswer),
    requests.GetModels,
    requests.Models,
    requests.GetLimits,
    requests.SetLimits,
    requests.Limits,
    requests.GetVariables,
    requests.Variables,
    requests.GetOpenFile,
    requests.OpenFile,
    requests.VerifySession,
    requests.VerifySocketToken,
    *get_args(requests.SessionAnswer),
    sandbox.SandboxRequest,
    *get_args(sandbox.SandboxAnswer),
    sandbox.GetIsolation,
    sandbox.IsolationTold,
    sandbox.GetScreenshot,
    sandbox.Screenshot,
    sandbox.GetOpening,
    sandbox.OpeningTold,
)
"""What travels on NATS."""

BROWSER_MESSAGES: tuple[Any, ...] = (
    *get_args(browser.AnyClientMessage),
    *get_args(browser.AnyServerMessage),
)
"""What travels on the WebSocket."""


def components(types: tuple[Any, ...], prefix: str) -> dict[str, Schema]:
    """Return the schema of each type and of all that it refers to, by name.

    *prefix* is where the document keeps them, such as ``#/$defs/``.
    """
    _, found = msgspec.json.schema_components(types, ref_template=f"{prefix}{{name}}")
    return dict(sorted(found.items()))


def json_schema(title: str, types: tuple[Any, ...]) -> str:
    """Return a schema document whose ``$defs`` are the messages."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": components(types, "#/$defs/"),
    }
    return render(document)


def render(document: Schema) -> str:
    """Return *document* as the JSON text that is kept in git."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
