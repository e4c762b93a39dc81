"""Python apps of each kind, with packages of the real index, in each runtime."""

import asyncio
from collections.abc import Iterator

import pytest

from contracts.sandbox import Running, StartServer
from tests.integration.sandbox.stage import (
    SandboxServer,
    Stage,
    sandbox_server,
)
from tests.integration.sandbox.templates import runtime
from tests.integration.sandbox.test_real_packages import install

STARLETTE = """\
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from shop.words import WORD

def home(request):
    return PlainTextResponse(f"from {WORD}")

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
# What Django's does, as far as it matters here.
MANAGE = """\
import http.server, pathlib, sys
done = pathlib.Path("migrated")
if sys.argv[1] == "migrate":
    done.write_text("from manage")
    sys.exit("it is no matter how that ends")
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(done.read_bytes())
host, port = sys.argv[-1].split(":")
http.server.HTTPServer((host, int(port)), Page).serve_forever()
"""
PYTHON = {
    "starlette": {
        "pyproject.toml": '[project]\nname = "x"\ndependencies = ["starlette"]\n',
        "src/shop/main.py": STARLETTE,
        "src/shop/words.py": "WORD = 'starlette'\n",
    },
    "flask": {"requirements.txt": "flask\n", "app.py": FLASK},
    "wsgi": {"requirements.txt": "", "wsgi.py": WSGI},
    "manage": {"requirements.txt": "", "manage.py": MANAGE},
    "main": {"requirements.txt": "bottle\n", "main.py": LISTENS},
}


@pytest.fixture(scope="module", params=["process", "docker"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with sandbox_server(world=True, **runtime(request.param)) as lent:
        yield lent


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
