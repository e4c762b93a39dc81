"""What kind of app a folder holds."""

import json

import pytest

from sandbox.domain.app import (
    PORT,
    VENV_PYTHON,
    App,
    NoApp,
    detect,
    python_requirements,
)

ADDRESS = ("--host", "127.0.0.1", "--port", PORT)
VITE = ("node", "node_modules/vite/bin/vite.js")
NPM = ("npm", "run", "--silent")


def package(*, dependencies: str = "", **scripts: str) -> dict[str, str]:
    named = dict.fromkeys(dependencies.split(), "*")
    return {"package.json": json.dumps({"scripts": scripts, "devDependencies": named})}


def vite(*options: str) -> App:
    argv = (*VITE, *options, *ADDRESS, "--strictPort")
    return App("vite", argv, manifests=("package.json",))


def node(script: str, *, reloads: bool = False) -> App:
    return App("node", (*NPM, script), reloads, ("package.json",))


def python(kind: str, *argv: str, manifest: str = "requirements.txt") -> App:
    command = (VENV_PYTHON, *argv)
    return App(kind, command, reloads=False, manifests=(manifest,))  # type: ignore[arg-type]


WAITRESS = ("-m", "waitress", f"--listen=127.0.0.1:{PORT}")
FASTAPI = "from fastapi import FastAPI\napi: FastAPI = FastAPI(title='x')\n"
FLASK = "import flask\napp = flask.Flask(__name__)\n"
PYPROJECT = "[project]\ndependencies = []\n"

TABLE = {
    "vite": (package(dev="vite", dependencies="vite react"), vite()),
    "vite by its dependency": (package(dependencies="vite"), vite()),
    "vite as start": (package(start="vite", dependencies="vite"), vite()),
    "vite with a page": (
        {**package(dev="vite", dependencies="vite"), "index.html": ""},
        vite(),
    ),
    "vite with its own address": (
        package(dev="vite --host 0.0.0.0 --port=80 --open", dependencies="vite"),
        vite(),
    ),
    "vite with options": (
        package(dev="vite dev --mode 'my mode' --host -c x.ts", dependencies="vite"),
        vite("--mode", "my mode", "-c", "x.ts"),
    ),
    "vite after something else": (
        package(dev="tsc && vite", dependencies="vite"),
        node("dev"),
    ),
    "vite that builds": (
        package(dev="vite build", dependencies="vite"),
        node("dev", reloads=True),
    ),
    "vite below a server": (
        package(dev="tsx watch server.ts", dependencies="vite tsx"),
        node("dev", reloads=True),
    ),
    "next": (package(dev="next dev", start="next start"), node("dev", reloads=True)),
    "a server": (package(start="node server.js"), node("start")),
    "a script of blanks": (package(dev="  ", start=" node server.js"), node("start")),
    "a file that begins with a mark": (
        {"package.json": f"\ufeff{package(start='node a.js')['package.json']}"},
        node("start"),
    ),
    "a server that watches": (
        package(start="node --watch server.js"),
        node("start", reloads=True),
    ),
    "dev before start": (package(start="node a.js", dev="node b.js"), node("dev")),
    "no script but a page": ({**package(test="x"), "index.html": ""}, App("static")),
    "a page": ({"index.html": "<h1>"}, App("static")),
    "fastapi": (
        {"requirements.txt": "fastapi", "main.py": FASTAPI},
        python("asgi", "-m", "uvicorn", "main:api", *ADDRESS),
    ),
    "starlette": (
        {"pyproject.toml": PYPROJECT, "server.py": "site = Starlette(routes=[])\n"},
        python(
            *("asgi", "-m", "uvicorn", "server:site", *ADDRESS),
            manifest="pyproject.toml",
        ),
    ),
    "asgi without a framework": (
        {
            "requirements.txt": "",
            "main.py": "async def app(scope, receive, send): ...\n",
        },
        python("asgi", "-m", "uvicorn", "main:app", *ADDRESS),
    ),
    "wsgi without a framework": (
        {"requirements.txt": "", "wsgi.py": "def application(environ, start): ...\n"},
        python("wsgi", *WAITRESS, "wsgi:application"),
    ),
    "bottle": (
        {
            "requirements.txt": "bottle",
            "app.py": "import bottle\nweb = bottle.Bottle()\n",
        },
        python("wsgi", *WAITRESS, "app:web"),
    ),
    "falcon": (
        {"requirements.txt": "falcon", "app.py": "api = falcon.asgi.App()\n"},
        python("asgi", "-m", "uvicorn", "app:api", *ADDRESS),
    ),
    "django": (
        {"requirements.txt": "django", "manage.py": "", "wsgi.py": "x = 1"},
        python("python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}"),
    ),
    "python that serves in a function": (
        {"requirements.txt": "flask", "main.py": "def make():\n  app = Flask('x')\n"},
        python("python", "main.py"),
    ),
    "flask": (
        {"requirements.txt": "flask", "app.py": FLASK},
        python("flask", "-m", "flask", "--app", "app:app", "run", *ADDRESS),
    ),
    "python with a project": (
        {"pyproject.toml": PYPROJECT, "main.py": "print()"},
        python("python", "main.py", manifest="pyproject.toml"),
    ),
    "python alone": (
        {"main.py": "print()"},
        App("python", ("python", "main.py"), reloads=False),
    ),
    "a page beside requirements": (
        {"requirements.txt": "", "index.html": ""},
        App("static"),
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_an_app_is_recognised(case: str) -> None:
    files, app = TABLE[case]
    assert detect(files) == app


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "There is nothing to run"),
        ({"package.json": "{"}, "package.json cannot be read"),
        ({"package.json": '{"scripts": []}'}, "package.json cannot be read"),
        ({"package.json": "[" * 10_000}, "package.json cannot be read"),
        (package(test="x"), 'neither a "dev" nor a "start" script'),
        (package(dev=" "), 'neither a "dev" nor a "start" script'),
        ({"requirements.txt": ""}, "neither a main.py nor an app.py"),
    ],
    ids=range(7),
)
def test_what_cannot_run_says_why(files: dict[str, str], reason: str) -> None:
    with pytest.raises(NoApp, match=reason):
        detect(files)


def test_dependencies_of_a_python_project_are_named_packages() -> None:
    text = '[project]\ndependencies = ["httpx>=0.28", "uvicorn[standard]"]'
    assert python_requirements(text) == ["httpx>=0.28", "uvicorn[standard]"]


@pytest.mark.parametrize("one", ["-r x", "--index-url=x", "a @ https://x", "./x", ""])
def test_other_dependencies_of_a_python_project_are_refused(one: str) -> None:
    with pytest.raises(NoApp):
        python_requirements(f'[project]\ndependencies = ["{one}"]')


@pytest.mark.parametrize("text", ["[", "project = 1", "[project]\ndependencies = 1"])
def test_a_broken_python_project_is_refused(text: str) -> None:
    with pytest.raises(NoApp, match=r"pyproject\.toml cannot be read"):
        python_requirements(text)
