"""A thousand bodies and heads that nobody means well: each is answered, none breaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.rest.routes import ENDING, NEEDS, Route, own_things
from tests.support.backend import Backend

BODIES = 1000
WRITES = sorted(
    route
    for route in NEEDS
    if route[0] in ("POST", "PUT", "PATCH") and route[1] not in ENDING
)
"""All but those that would end the session of whoever tries them."""
ANSWERS = {
    *(HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED),
    *(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    *(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    *(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
}

_LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["\0", "\ud800", "' OR 1=1 --", "../../etc/passwd", "9" * 400])
)
_KEYS = st.text(max_size=8) | st.sampled_from(
    ["name", "description", "email", "password", "path", "content", "url", "events"]
)
_JSON = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)
_DEEP = st.integers(1, 4000).map(lambda depth: b"[" * depth + b"]" * depth)
_BODY = (
    _JSON.map(lambda value: repr(value).encode("utf-8", "surrogatepass"))
    | _JSON.map(lambda value: msgspec.json.encode(_plain(value)))
    | st.binary(max_size=200)
    | _DEEP
)
_HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


def _plain(value: object) -> object:
    """Return *value* as JSON can have it."""
    if isinstance(value, float):
        return 1.5
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    return value


@dataclass(frozen=True)
class Attacker:
    """Somebody who is signed in, and has what the routes are about."""

    http: httpx.Client
    ids: dict[str, str]


@pytest.fixture(scope="module")
def attacker(backend: Backend) -> Iterator[Attacker]:
    with backend.person() as person:
        unknown = dict.fromkeys(("delivery_id", "user_id"), str(UUID(int=1)))
        ids = {**own_things(person), **unknown, "service": "integration"}
        ids["variable"] = "API_KEY"
        session = {"Authorization": f"Bearer {next(iter(person.cookies.values()))}"}
        with backend.client(**session) as http:
            yield Attacker(http, ids)


@settings(max_examples=BODIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    route=st.sampled_from(WRITES),
    body=_BODY,
    kind=st.sampled_from(["application/json", "text/plain", ""]) | _HEADER,
    key=st.none() | _HEADER,
)
def test_no_body_breaks_a_route(
    attacker: Attacker, route: Route, body: bytes, kind: str, key: str | None
) -> None:
    method, path = route
    filled = path.format(**attacker.ids)
    headers = {"content-type": kind.strip()}
    if key is not None:
        headers["idempotency-key"] = key.strip()
    answer = attacker.http.request(method, filled, content=body, headers=headers)
    assert answer.status_code in ANSWERS, answer.text
    assert "Traceback" not in answer.text


def test_whoever_tried_is_signed_in_still(attacker: Attacker) -> None:
    assert attacker.http.get("/api/projects").status_code == HTTPStatus.OK
