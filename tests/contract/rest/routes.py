"""Every route of the api, and what each needs."""

from typing import Any, cast

import httpx
from litestar import Litestar
from litestar.routes import HTTPRoute

from api.bootstrap import Parts, application
from api.domain.scope import Needs
from api.entrypoints.http.operation import described
from api.settings import Settings
from chassis.health import health_routes

Route = tuple[str, str]


HOOK = {"url": "https://example.org/mine", "events": ["run_started"]}


REFUSING = {"/api", "/api/{_}", "/ws", "/ws/{_}", "/assets"}
"""Paths of ours at which there is nothing, whatever the method."""


def app() -> Litestar:
    nothing = cast("Any", None)
    parts = Parts(*([nothing] * len(Parts.__struct_fields__)))
    settings = Settings(database_url="", nats_url="")
    return application(settings, parts, health_routes({}))


def needs_of_routes() -> dict[Route, Needs]:
    """Return what each route that the api has needs; nothing where it does not say."""
    return {
        (method, route.path_format): operation.needs if operation else Needs.NOTHING
        for route in app().routes
        if isinstance(route, HTTPRoute) and route.path_format not in REFUSING
        for handler in route.route_handlers
        for operation in [described(handler)]
        for method in handler.http_methods
        if method != "OPTIONS"
    }


NEEDS = needs_of_routes()


ENDING = {
    *("/api/auth/sign-out", "/api/auth/revoke-sessions", "/api/auth/change-password"),
    "/api/auth/revoke-other-sessions",
}
"""These end sessions, which must not be those of all other tests."""


def own_things(http: httpx.Client) -> dict[str, str]:
    body = {"name": "Tried", "description": "by machines"}
    project_id = http.post("/api/projects", json=body).json()["id"]
    file = {"path": "a.txt", "content": "x"}
    saved = http.put(f"/api/project-files/{project_id}", json=file).json()
    hook = http.post(f"/api/projects/{project_id}/webhooks", json=HOOK).json()
    return {"project_id": project_id, "file_id": saved["id"], "webhook_id": hook["id"]}
