"""The AsyncAPI 3 document of the bus: for services that drive and follow projects."""

from typing import Any, get_args

from contracts import progress, project, requests, sandbox
from contracts.documents.schema import BUS_MESSAGES, Schema, components, render

_ID = {
    "description": "The project's UUID.",
    "examples": ["0d4f2e6a-6c0b-4f3e-9a53-1c7d6b1f1d11"],
}


def asyncapi() -> str:
    """Return the document as JSON text."""
    schemas = components(BUS_MESSAGES, "#/components/schemas/")
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Atelier on NATS",
            "version": "1.0.0",
            "description": (
                "Commands, queries, recorded events and progress of projects. Every "
                "body is JSON. A request carries its W3C trace context in the header "
                "`traceparent`. A credential reaches only the subjects granted to it."
            ),
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": {name: _plain(schema) for name, schema in schemas.items()}
        },
    }
    return render(document)


def _plain(schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return *schema* with discriminators as AsyncAPI wants them: a property's name."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value["propertyName"]
        if key == "discriminator" and isinstance(value, dict)
        else _plain(value)
        for key, value in schema.items()
    }


def _payload(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _message(name: str, summary: str) -> Schema:
    return {"name": name, "summary": summary, "payload": _payload(name)}


def _messages(types: tuple[Any, ...]) -> Schema:
    return {
        kind.__name__: _message(kind.__name__, (kind.__doc__ or "").splitlines()[0])
        for kind in types
    }


def _channel(
    address: str, description: str, messages: Schema, **parameters: Schema
) -> Schema:
    channel = {"address": address, "description": description, "messages": messages}
    if parameters:
        channel["parameters"] = parameters
    return channel


def _verbs(union: Any) -> Schema:  # noqa: ANN401 - unions have no type
    tags = [str(kind.__struct_config__.tag) for kind in get_args(union)]
    return {"description": "The tag of what is asked.", "enum": tags}


def _channels() -> Schema:
    """Return all channels: what projects are asked, what they tell, what is inside."""
    return (
        _for_services_outside() | _asked() | _told() | _between_services() | _answers()
    )


def _for_services_outside() -> Schema:
    """Return what a service may use that is none of ours: subjects with its name."""
    service = {
        "description": "The service's name, which is its user on NATS.",
        "examples": ["integration"],
    }
    return {
        "serviceCommands": _channel(
            "svc.{service}.cmd.{project}.{verb}",
            "A command of a service outside, which needs a grant to write. Its actor "
            "is the service itself. Where a service asks too much at once it is "
            "refused with `rate_limited`: wait a second and ask again.",
            _messages((requests.CommandRequest,)),
            service=service,
            project=_ID,
            verb=_verbs(project.ProjectCommand),
        ),
        "serviceQueries": _channel(
            "svc.{service}.query.{project}.{verb}",
            "A question of a service outside, which needs a grant to read. "
            "`rate_limited` as with commands.",
            _messages((requests.QueryRequest,)),
            service=service,
            project=_ID,
            verb=_verbs(requests.ProjectQuery),
        ),
        "serviceEvents": _channel(
            "svc.{service}.evt.{project}",
            "Recorded events of a project that the service has a grant for. Events may "
            "come again, or be missing: the seq tells, and a history query has all.",
            {"RecordedBatch": _batch()},
            service=service,
            project=_ID,
        ),
        "serviceProgress": _channel(
            "svc.{service}.progress.{project}.{kind}",
            "Progress of a project that the service has a grant for; never stored.",
            _messages(get_args(progress.ProgressMessage)),
            service=service,
            project=_ID,
            kind={
                "description": "What it is about.",
                "enum": ["text", "log", "reply"],
            },
        ),
    }


def _batch() -> Schema:
    return {
        "name": "RecordedBatch",
        "summary": "Neighbouring events of one project, in the order of its log.",
        "payload": {"type": "array", "items": _payload("Recorded")},
    }


def _asked() -> Schema:
    """Return where projects are commanded and asked about."""
    return {
        "commands": _channel(
            "cmd.{project}.{verb}",
            "A command, answered after its events are committed. The same id again "
            "gets the first answer.",
            _messages((requests.CommandRequest,)),
            project=_ID,
            verb=_verbs(project.ProjectCommand),
        ),
        "queries": _channel(
            "query.{project}.{verb}",
            "A question about a project, answered from its log.",
            _messages((requests.QueryRequest,)),
            project=_ID,
            verb=_verbs(requests.ProjectQuery),
        ),
        "models": _channel(
            "models.list",
            "Which language models are there?",
            _messages((requests.GetModels,)),
        ),
        "limits": _channel(
            "limits.get",
            "What may language models cost here?",
            _messages((requests.GetLimits,)),
        ),
        "setLimits": _channel(
            "limits.set",
            "Other limits, for administrators. Only the api may say so.",
            _messages((requests.SetLimits,)),
        ),
        "openFile": _channel(
            "live.{project}.open_file",
            "Asks the driver of a run for the file that is being written. Nobody "
            "answers when no run is under way.",
            _messages((requests.GetOpenFile,)),
            project=_ID,
        ),
    }


def _told() -> Schema:
    """Return where projects tell what happens to them."""
    shard = {"description": "The project's shard; a follower subscribes to `*`."}
    return {
        "events": _channel(
            "evt.{shard}.{project}",
            "Recorded events, published after their commit, also kept in the stream "
            "EVT_{shard}. Events may come again: drop what is not above the last seq.",
            {"RecordedBatch": _batch()},
            shard=shard,
            project=_ID,
        ),
        "eventData": _channel(
            "",
            "What the field `data` of a recorded event holds, by its `type`.",
            _messages(get_args(project.ProjectEvent)),
        )
        | {"address": None},
        "text": _channel(
            "progress.{project}.text",
            "Characters as the model writes them; never stored.",
            _messages((progress.FileStarted, progress.FileText)),
            project=_ID,
        ),
        "log": _channel(
            "progress.{project}.log",
            "Output of the install step and of the app; never stored.",
            _messages((progress.SandboxLog,)),
            project=_ID,
        ),
        "reply": _channel(
            "progress.{project}.reply",
            "An answer in the conversation as the model writes it; never stored.",
            _messages((progress.ReplyText,)),
            project=_ID,
        ),
    }


def _between_services() -> Schema:
    """Return what only the services of Atelier ask of each other."""
    return {
        "sandbox": _channel(
            "sandbox.{project}.{verb}",
            "An operation on a project's sandbox; asked again while it is pending.",
            _messages((sandbox.SandboxRequest,)),
            project=_ID,
            verb=_verbs(sandbox.SandboxOperation),
        ),
        "variables": _channel(
            "vars.{project}",
            "What does a project's app find in its environment? Only the sandbox may "
            "ask; the answer is for the app's process alone.",
            _messages((requests.GetVariables,)),
            project=_ID,
        ),
        "isolation": _channel(
            "isolation.tell",
            "How are apps kept apart?",
            _messages((sandbox.GetIsolation,)),
        ),
        "screenshot": _channel(
            "screenshot.{project}",
            "How did a project's app look last? Only the api may ask.",
            _messages((sandbox.GetScreenshot,)),
            project=_ID,
        ),
        "opening": _channel(
            "opening.{project}",
            "Where will a project's app be seen? Only the api may ask.",
            _messages((sandbox.GetOpening,)),
            project=_ID,
        ),
        "verifySession": _channel(
            "auth.verify",
            "Whose session is this?",
            _messages((requests.VerifySession,)),
        ),
        "verifySocketToken": _channel(
            "auth.verify_socket",
            "Whose short-lived token of a WebSocket's address is this?",
            _messages((requests.VerifySocketToken,)),
        ),
        "sessionsEnded": _channel(
            "auth.ended.{user}",
            "Sessions of a user have ended: verify those that are kept open. The body "
            "is empty.",
            {},
            user={"description": "The user's UUID."},
        ),
    }


def _answers() -> Schema:
    """Return where requests want their answers."""
    return {
        "answers": _channel(
            "",
            "Where a request says that it wants its answer: an inbox, which for a "
            "service outside begins with `_INBOX_{service}.`. Others are dropped.",
            _messages(
                (
                    *get_args(requests.CommandAnswer),
                    *(
                        kind
                        for kind in get_args(requests.QueryAnswer)
                        if kind is not requests.Refused
                    ),
                    requests.Models,
                    requests.Limits,
                    requests.Variables,
                    requests.OpenFile,
                    sandbox.IsolationTold,
                    sandbox.Screenshot,
                    sandbox.OpeningTold,
                )
            )
            | _messages(get_args(sandbox.SandboxAnswer))
            | _messages(get_args(requests.SessionAnswer)),
        )
        | {"address": None},
    }


def _operation(
    action: str, channel: str, summary: str, answers: tuple[Any, ...] = ()
) -> Schema:
    operation: Schema = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
    }
    if answers:
        operation["reply"] = {
            "address": {"location": "$message.header#/reply"},
            "channel": {"$ref": "#/channels/answers"},
            "messages": [
                {"$ref": f"#/channels/answers/messages/{kind.__name__}"}
                for kind in answers
            ],
        }
    return operation


def _operations() -> Schema:
    """Return all operations: of services outside, of ours, and between them."""
    return _operations_outside() | _operations_on_projects() | _operations_between()


def _operations_outside() -> Schema:
    """Return what a service outside does: it sends commands and receives events."""
    return {
        "serviceCommand": _operation(
            "send",
            "serviceCommands",
            "Change a project, as a service outside",
            get_args(requests.CommandAnswer),
        ),
        "serviceQuery": _operation(
            "send",
            "serviceQueries",
            "Ask about a project, as a service outside",
            get_args(requests.QueryAnswer),
        ),
        "serviceFollow": _operation(
            "receive", "serviceEvents", "Follow events, as a service outside"
        ),
        "serviceWatch": _operation(
            "receive", "serviceProgress", "See progress, as a service outside"
        ),
    }


def _operations_on_projects() -> Schema:
    """Return how projects are commanded, asked about and followed."""
    return {
        "command": _operation(
            "send", "commands", "Change a project", get_args(requests.CommandAnswer)
        ),
        "query": _operation(
            "send", "queries", "Ask about a project", get_args(requests.QueryAnswer)
        ),
        "follow": _operation("receive", "events", "Follow recorded events"),
        "watchText": _operation("receive", "text", "See files as they are written"),
        "watchLog": _operation("receive", "log", "See the sandbox's output"),
        "watchReply": _operation("receive", "reply", "See an answer as it is written"),
        "models": _operation(
            "send", "models", "List language models", get_args(requests.ModelsAnswer)
        ),
        "limits": _operation(
            "send",
            "limits",
            "Learn which limits hold (the api does)",
            get_args(requests.LimitsAnswer),
        ),
        "setLimits": _operation(
            "send",
            "setLimits",
            "Let other limits hold (the api does)",
            get_args(requests.LimitsAnswer),
        ),
        "openFile": _operation(
            "send", "openFile", "Get the file being written", (requests.OpenFile,)
        ),
    }


def _operations_between() -> Schema:
    """Return what only the services of Atelier do to each other."""
    return {
        "sandboxOperation": _operation(
            "send",
            "sandbox",
            "Operate a sandbox (the agent does)",
            get_args(sandbox.SandboxAnswer),
        ),
        "isolation": _operation(
            "send",
            "isolation",
            "Learn how apps are kept apart (the api does)",
            (sandbox.IsolationTold,),
        ),
        "screenshot": _operation(
            "send",
            "screenshot",
            "See how an app looked last (the api does)",
            (sandbox.Screenshot,),
        ),
        "opening": _operation(
            "send",
            "opening",
            "Learn where an app will be seen (the api does)",
            (sandbox.OpeningTold,),
        ),
        "variables": _operation(
            "send",
            "variables",
            "Get an app's environment (the sandbox does)",
            get_args(requests.VariablesAnswer),
        ),
        "verifySession": _operation(
            "send",
            "verifySession",
            "Verify a session (the gateway does)",
            get_args(requests.SessionAnswer),
        ),
        "verifySocketToken": _operation(
            "send",
            "verifySocketToken",
            "Verify a token of a WebSocket's address (the gateway does)",
            get_args(requests.SessionAnswer),
        ),
        "sessionsEnded": _operation(
            "receive", "sessionsEnded", "Hear that sessions have ended"
        ),
    }
