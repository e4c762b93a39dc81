"""Python apps of each kind, with packages of the real index, in each runtime."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from contracts.sandbox import Running, StartServer
from tests.integration.sandbox.stage import (
    SandboxServer,
    Stage,
    sandbox_server,
    stage,
)
from tests.integration.sandbox.templates import runtime
from tests.integration.sandbox.test_real_packages import install

STARLETTE = """\
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

def home(request):
    return PlainTextResponse("from starlette")

app = Starlette(routes=[Route("/", home)])
"""
FLASK = """\
from flask import Flask

app = Flask(__name__)

@app.get("/")
def home():
    return "from flask"
"""
WSGI = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from wsgi"]
"""
LISTENS = """\
import os
from bottle import route, run

@route("/")
def home():
    return "from main"

run(host="127.0.0.1", port=int(os.environ["PORT"]))
"""
PYTHON = {
    "starlette": {
        "pyproject.toml": '[project]\nname = "x"\ndependencies = ["starlette"]\n',
        "main.py": STARLETTE,
    },
    "flask": {"requirements.txt": "flask\n", "app.py": FLASK},
    "wsgi": {"requirements.txt": "", "wsgi.py": WSGI},
    "main": {"requirements.txt": "bottle\n", "main.py": LISTENS},
}


@pytest.fixture(scope="module", params=["process", "docker"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with sandbox_server(world=True, **runtime(request.param)) as lent:
        yield lent


@pytest.fixture
async def world(server: SandboxServer) -> AsyncIterator[Stage]:
    async with stage(server) as made:
        yield made


async def served(world: Stage, files: dict[str, str]) -> str:
    """Return what an app answers, once it is installed and started."""
    project = world.add(files)
    await install(world, project)
    running = await world.ask(project, StartServer())
    assert isinstance(running, Running), running
    return (await world.visit(project)).text


async def test_python_apps_are_installed_and_served(
    world: Stage, request: pytest.FixtureRequest
) -> None:
    # The image of tests has no uv: an environment takes five seconds in there.
    in_containers = "docker" in request.node.name
    kinds = ["starlette", "main"] if in_containers else list(PYTHON)
    answers = await asyncio.gather(*(served(world, PYTHON[kind]) for kind in kinds))
    assert answers == [f"from {kind}" for kind in kinds]
