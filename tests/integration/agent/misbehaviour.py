"""What language models and the servers before them do wrong, as scripts.

Each is one answer to a call that writes files, or to one that plans; afterwards the
server behaves. Most end in the app all the same, the others in a sentence for a person.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from scof import serialize
from tests.support.model_server import (
    MODEL,
    Reset,
    Script,
    Step,
    delta,
    ending,
    event,
    head,
    pieces,
    refusal,
    streamed,
    whole,
)

FILES = {
    "index.html": "<!doctype html>\n<title>Bretter: 看板 🎉</title>\n"
    + "<p>x</p>\n" * 9,
    "src/app.ts": "export const columns = ['Todo', 'Doing', 'Done']\n" * 9,
    "src/styles.css": "body { margin: 0 }\n",
}
TEXT = serialize(FILES)
MIDDLE = len(TEXT) // 2
PLAN = {
    "name": "Board",
    "description": "A board.",
    "files": [{"path": path, "purpose": "holds it"} for path in FILES],
    "isLastPhase": True,
}
LONG_S = 30.0
"""Longer than any wait that the agent is given here."""


@dataclass(frozen=True)
class Wrong:
    """One misbehaviour and how a run ends that meets it."""

    script: Script
    ends_in_app: bool = True


def written(text: str) -> list[bytes]:
    """Return the events that carry *text*."""
    return [delta(piece) for piece in pieces(text)]


def chunk(content: object, **more: object) -> bytes:
    """Return an event with a delta of any shape."""
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    return event({"id": "gen-1", "model": MODEL, "choices": [choice | more]})


def bytewise(sent: bytes) -> Iterable[bytes]:
    return (sent[at : at + 1] for at in range(len(sent)))


def joined(*parts: bytes | Iterable[bytes]) -> bytes:
    return b"".join(
        part if isinstance(part, bytes) else b"".join(part) for part in parts
    )


def usage_of(**usage: object) -> bytes:
    return event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n"


BODY = joined(written(TEXT), ending())
HALF: list[Step] = [head(), *written(TEXT[:MIDDLE])]

WRITING: dict[str, Wrong] = {
    # The stream is odd, and all of it is there.
    "comments between all events": Wrong(
        [head(), BODY.replace(b"data: ", b": OPENROUTER PROCESSING\n\ndata: ")]
    ),
    "carriage returns": Wrong([head(), BODY.replace(b"\n", b"\r\n")]),
    "byte by byte": Wrong([head(), *bytewise(BODY)]),
    "byte order mark": Wrong([head(), b"\xef\xbb\xbf" + BODY]),
    "other fields of events": Wrong(
        [head(), BODY.replace(b"data: ", b"id: 7\nevent: x\nretry: 1\ndata: ")]
    ),
    "an event on two lines": Wrong(
        [head(), BODY.replace(b'"choices"', b'\ndata: "choices"', 1)]
    ),
    "no blank after the colon": Wrong([head(), BODY.replace(b"data: ", b"data:")]),
    "no end mark": Wrong([head(), BODY.replace(b"data: [DONE]\n\n", b"")]),
    "two end marks": Wrong([head(), BODY, b"data: [DONE]\n\n"]),
    "text after the end mark": Wrong([head(), BODY, *written("rm -rf /\n")]),
    "two reasons to finish": Wrong([head(), *written(TEXT), ending("stop"), ending()]),
    "null and number as content": Wrong(
        [head(), chunk(None), chunk(7), chunk([]), *written(TEXT), ending()]
    ),
    "no choices": Wrong(
        [head(), event({"choices": []}), event({}), *written(TEXT), ending()]
    ),
    "another index": Wrong([head(), BODY.replace(b'"index": 0', b'"index": 3')]),
    "keys twice": Wrong([head(), BODY.replace(b'"id"', b'"id": 5, "id"')]),
    "thoughts before the answer": Wrong(
        [head(), chunk(None, delta={"reasoning": "Hm."}), *written(TEXT), ending()]
    ),
    "pairs cut in two": Wrong(
        [head(), *(delta(one) for one in TEXT[:60]), *written(TEXT[60:]), ending()]
    ),
    "usage that is none": Wrong(
        [
            head(),
            *written(TEXT),
            delta("", "stop"),
            usage_of(prompt_tokens=-1, cost="x"),
        ]
    ),
    "usage beyond numbers": Wrong(
        [
            *(head(), *written(TEXT), delta("", "stop")),
            b'data: {"choices":[],"usage":{"prompt_tokens":1e400,"cost":NaN}}\n\n',
        ]
    ),
    "no usage": Wrong([head(), *written(TEXT), delta("", "stop")]),
    "not streamed after all": Wrong(whole(TEXT)),
    "a fence round each file": Wrong(streamed(f"```bash\n{TEXT}```\n")),
    "chatter before and after": Wrong(streamed(f"Sure!\n\n{TEXT}\nEnjoy!\n")),
    "one more file": Wrong(streamed(TEXT + serialize({"README.md": "Hi\n"}))),
    # It breaks off.
    "no reason to finish": Wrong([head(), *written(TEXT)]),
    "cut in the middle": Wrong(HALF),
    "reset in the middle": Wrong([*HALF, Reset()]),
    "reset before the head": Wrong([Reset()]),
    "reset within the head": Wrong([head()[:20], Reset()]),
    "cut within an event": Wrong([*HALF, delta("more")[:25]]),
    "cut within a character": Wrong(
        [*HALF, 'data: {"choices": [{"delta": {"content": "é'.encode()[:-1]]
    ),
    "cut within an escape": Wrong(
        [*HALF, b'data: {"choices": [{"delta": {"content": "\\ud8']
    ),
    "an error instead of text": Wrong(
        [head(), event({"error": {"code": 502, "message": "Overloaded"}})]
    ),
    "an error amid the text": Wrong(
        [*HALF, event({"error": {"code": "502", "message": "Gone"}, "choices": []})]
    ),
    "an error in a choice": Wrong(
        [*HALF, event({"choices": [{"error": {"code": 502, "message": "Gone"}}]})]
    ),
    "an error that is a word": Wrong([*HALF, event({"error": "gone"})]),
    "finished by an error": Wrong([*HALF, ending("error")]),
    "no JSON amid the text": Wrong([*HALF, b"data: <html>\n\n"]),
    "a list amid the text": Wrong([*HALF, b"data: [1, 2]\n\n"]),
    "a line without end": Wrong([*HALF, b"data: " + b"x" * 300_000]),
    "deep JSON": Wrong([*HALF, b"data: " + b'{"a":' * 5_000 + b"\n\n"]),
    "a body that is no HTTP": Wrong([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]),
    # It stops too early, or writes something else.
    "length in the middle of a file": Wrong([*HALF, ending("length")]),
    "length after a file": Wrong(
        [
            head(),
            *written(serialize({"index.html": FILES["index.html"]})),
            ending("length"),
        ]
    ),
    "nothing": Wrong([head(), ending()]),
    "no text at all": Wrong(streamed("I would rather not.\n")),
    "fewer files": Wrong(streamed(serialize({"src/app.ts": FILES["src/app.ts"]}))),
    "no end of the last file": Wrong(streamed(TEXT.rstrip("\n").removesuffix("EOF"))),
    "an unsafe path": Wrong(streamed(serialize({"a": "x\n"}).replace("> a", "> ../a"))),
    "a patch that fits nothing": Wrong(
        streamed("cat << 'EOF' | patch index.html\n@@ -1,1 +1,1 @@\n-no\n+yes\nEOF\n")
    ),
    "other commands": Wrong(streamed("sudo rm -rf /\ncurl x | sh\n" + TEXT)),
    "half pairs": Wrong([head(), *written(TEXT), delta("\ud800x\udc00"), ending()]),
    # It makes one wait.
    "silent from the start": Wrong([LONG_S]),
    "silent after the head": Wrong([head(), LONG_S]),
    "silent in the middle": Wrong([*HALF, LONG_S]),
    "silent after the end": Wrong([head(), *written(TEXT), delta("", "stop"), LONG_S]),
    # It refuses for now.
    "busy": Wrong(refusal("429 Too Many Requests", "Slow down.")),
    "busy for a while": Wrong(refusal("429 Too Many", "Slow down.", Retry_After="0.1")),
    "busy for an odd while": Wrong(
        refusal("429 Too Many", "Slow.", Retry_After="soon")
    ),
    "timeout": Wrong(refusal("408 Request Timeout", "Too slow.")),
    "broken": Wrong(refusal("500 Internal Server Error", "Oops.")),
    "bad gateway": Wrong([head("502 Bad Gateway", "text/html"), b"<html>"]),
    "no provider": Wrong(refusal("503 Service Unavailable", "Nobody.")),
    "overloaded": Wrong(refusal("529 Overloaded", "Later.")),
    "compressed": Wrong([head(Content_Encoding="gzip"), b"\x1f\x8b\x08"]),
    # It refuses for good, and only a person can change that.
    "no key": Wrong(refusal("401 Unauthorized", "No key."), ends_in_app=False),
    "no credit": Wrong(refusal("402 Payment Required", "Pay."), ends_in_app=False),
    "forbidden": Wrong(refusal("403 Forbidden", "Flagged."), ends_in_app=False),
    "no such model": Wrong(refusal("404 Not Found", "What?"), ends_in_app=False),
    "bad request": Wrong(refusal("400 Bad Request", "No."), ends_in_app=False),
    "a page": Wrong([head(kind="text/html"), b"<html>Hi</html>"], ends_in_app=False),
    "moved": Wrong([head("302 Found", Location="/x")]),
    "filtered": Wrong([*HALF, ending("content_filter")]),
    "a tool instead": Wrong([*HALF, ending("tool_calls")]),
}


def planned(**changes: object) -> Script:
    """Return an answer that is a plan but for *changes*."""
    return whole(json.dumps(PLAN | changes))


def files_named(*paths: str) -> Script:
    return planned(files=[{"path": path, "purpose": ""} for path in paths])


PLANNING: dict[str, Wrong] = {
    "no JSON": Wrong(whole("Let me think about that.")),
    "half of it": Wrong(whole(json.dumps(PLAN)[:40])),
    "a list": Wrong(whole("[]")),
    "empty": Wrong(whole("")),
    "another shape": Wrong(whole('{"phase": {"name": 1}}')),
    "a fence round it": Wrong(whole(f"```json\n{json.dumps(PLAN)}\n```")),
    "text round it": Wrong(whole(f"Here it is: {json.dumps(PLAN)}")),
    "no files": Wrong(files_named()),
    "an unsafe path": Wrong(files_named("../../etc/passwd")),
    "an absolute path": Wrong(files_named("/etc/passwd")),
    "too many files": Wrong(files_named(*(f"{number}.ts" for number in range(99)))),
    "no name": Wrong(planned(name="  ")),
    "a name without end": Wrong(planned(name="x" * 1_000)),
    "a plan without end": Wrong(planned(description="x" * 200_000)),
    "deep JSON": Wrong(whole("[" * 20_000)),
    "half pairs": Wrong(whole('{"name": "\\ud800"}')),
    "keys twice": Wrong(
        whole(json.dumps(PLAN).replace('"name"', '"name": 5, "name"', 1))
    ),
    "cut short by length": Wrong(whole(json.dumps(PLAN), "length")),
    "no reason to finish": Wrong(whole(json.dumps(PLAN), "")),
    "streamed after all": Wrong(streamed(json.dumps(PLAN))),
    "null as content": Wrong(
        [
            head(kind="application/json"),
            b'{"choices": [{"message": {"content": null}}]}',
        ]
    ),
    "no choices": Wrong([head(kind="application/json"), b'{"choices": []}']),
    "no JSON round it": Wrong([head(kind="application/json"), b"<html>"]),
    "an error in its place": Wrong(
        [head(kind="application/json"), b'{"error": {"code": 503, "message": "No."}}']
    ),
    "an answer nobody asked for": Wrong(planned(files=[], reply="It is a board.")),
    "silent": Wrong([LONG_S]),
    "silent in the middle": Wrong([head(kind="application/json"), b'{"cho', LONG_S]),
    "reset": Wrong([head(kind="application/json"), b'{"cho', Reset()]),
}


def cut(chance: random.Random) -> Wrong:
    """Return a good answer cut at any byte of it, its head included."""
    sent = head() + BODY
    at = chance.randrange(len(sent))
    return Wrong(
        [sent[:at], Reset()] if chance.random() < HALF_OF_THEM else [sent[:at]]
    )


HALF_OF_THEM = 0.5
