"""What kind of app a folder holds."""

import json

import pytest
from msgspec.structs import replace

from sandbox.domain.apps.app import PORT, App, NoApp
from sandbox.domain.apps.detect import detect, looked_at
from sandbox.domain.apps.package import Package, read_package
from sandbox.domain.apps.python_app import VENV_PYTHON, python_requirements

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


def python(
    kind: str, *argv: str, manifest: str = "requirements.txt", folder: str = ""
) -> App:
    command = (VENV_PYTHON, *argv)
    variables = {"PYTHONPATH": folder} if folder else {}
    return App(kind, command, False, (manifest,), variables)  # type: ignore[arg-type]  # noqa: FBT003 - no Python app reloads


DJANGO = replace(
    python("python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{PORT}"),
    before=(VENV_PYTHON, "manage.py", "migrate", "--noinput", "--run-syncdb"),
)
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
    "vite beside something else": (
        package(dev="vite & node api.js", dependencies="vite"),
        node("dev", reloads=True),
    ),
    "vite by a rival of npm": (
        package(dev="bunx --bun vite --open", dependencies="vite"),
        vite(),
    ),
    "vite over another script": (
        package(
            dev="pnpm run web",
            web="yarn site",
            site="vite -l info",
            dependencies="vite",
        ),
        vite("-l", "info"),
    ),
    "a circle of scripts": (
        package(dev="yarn serve", serve="yarn run dev"),
        node("dev"),
    ),
    "a script with another before it": (
        package(dev="yarn serve", predev="x", serve="node a.js"),
        node("dev"),
    ),
    "bun": (
        package(dev="bun --hot 'my server.ts'"),
        replace(node("dev", reloads=True), argv=("bun", "--hot", "my server.ts")),
    ),
    "bun in a shell": (package(dev="bun a.ts | cat"), node("dev")),
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
    "a server that npm starts by itself": (
        {**package(test="x"), "server.js": ""},
        node("start"),
    ),
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
    "a page in a folder": (
        {**package(test="x"), "public/index.html": "", "public/a/index.html": ""},
        App("static", folder="public"),
    ),
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
        DJANGO,
    ),
    "fastapi that a function makes": (
        {
            "requirements.txt": "fastapi",
            "main.py": "def create_app(debug=False):\n  return FastAPI()\n",
        },
        python("asgi", "-m", "uvicorn", "--factory", "main:create_app", *ADDRESS),
    ),
    "fastapi that a function makes from what nobody gives it": (
        {
            "requirements.txt": "fastapi",
            "main.py": "def create_app(settings):\n  return FastAPI()\n",
        },
        python("python", "main.py"),
    ),
    "flask that a function of a package makes": (
        {
            "requirements.txt": "Flask>=3",
            "blog/__init__.py": "from .db import x\ndef create_app(config=None):\n"
            "  return flask.Flask(__name__)\n",
        },
        python("flask", "-m", "flask", "--app", "blog:create_app", "run", *ADDRESS),
    ),
    "flask that was made elsewhere": (
        {
            "requirements.txt": "flask",
            "wsgi.py": "from blog import create_app\napp = create_app()\n",
        },
        python("flask", "-m", "flask", "--app", "wsgi:app", "run", *ADDRESS),
    ),
    "something that was made elsewhere": (
        {
            "requirements.txt": "nobody-knows",
            "main.py": "app = create_app()\n",
        },
        python("python", "main.py"),
    ),
    "fastapi in a folder that names itself": (
        {
            "requirements.txt": "fastapi",
            "app/__init__.py": "",
            "app/main.py": f"from app.db import x\n{FASTAPI}",
        },
        python("asgi", "-m", "uvicorn", "app.main:api", *ADDRESS),
    ),
    "fastapi in a package": (
        {"requirements.txt": "", "app/main.py": f"from .db import x\n{FASTAPI}"},
        python("asgi", "-m", "uvicorn", "app.main:api", *ADDRESS),
    ),
    "fastapi in a folder": (
        {"requirements.txt": "", "backend/main.py": f"import db\n{FASTAPI}"},
        python("asgi", "-m", "uvicorn", "main:api", *ADDRESS, folder="backend"),
    ),
    "fastapi in the source": (
        {"pyproject.toml": PYPROJECT, "src/main.py": FASTAPI},
        python(
            *("asgi", "-m", "uvicorn", "main:api", *ADDRESS),
            manifest="pyproject.toml",
            folder="src",
        ),
    ),
    "fastapi in a source that names itself": (
        {"pyproject.toml": PYPROJECT, "src/main.py": f"import src.db\n{FASTAPI}"},
        python(
            *("asgi", "-m", "uvicorn", "src.main:api", *ADDRESS),
            manifest="pyproject.toml",
        ),
    ),
    "a package in the source": (
        {
            "pyproject.toml": PYPROJECT,
            "src/shop/main.py": f"from shop.db import x\n{FASTAPI}",
            "src/shop/app.py": FLASK,
        },
        python(
            *("asgi", "-m", "uvicorn", "shop.main:api", *ADDRESS),
            manifest="pyproject.toml",
            folder="src",
        ),
    ),
    "python in the source": (
        {"pyproject.toml": PYPROJECT, "src/main.py": "serve()"},
        python("python", "src/main.py", manifest="pyproject.toml"),
    ),
    "django in folders": (
        {
            "requirements.txt": "django",
            "manage.py": "",
            "site/wsgi.py": "application = get_wsgi_application()\n",
        },
        DJANGO,
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
        ({"package.json": '{\n"a": 1,\n}'}, "cannot be read: package.json:3: "),
        ({"package.json": "[]"}, "package.json cannot be read"),
        ({"package.json": "[" * 10_000}, "package.json cannot be read"),
        ({"package.json": '{"a":' + "[" * 10_000}, "package.json cannot be read"),
        ({"package.json": '{"dependencies": ["a"]}'}, "package.json cannot be read"),
        ({"package.json": '{"dependencies": {"a": 1}}'}, "package.json cannot be read"),
        ({"package.json": '{"scripts": []}'}, 'neither a "dev" nor a "start" script'),
        (package(test="x"), 'neither a "dev" nor a "start" script'),
        (package(dev=" "), 'neither a "dev" nor a "start" script'),
        ({"requirements.txt": ""}, "neither a main.py nor an app.py"),
        ({"a/index.html": "", "b/index.html": ""}, "There is nothing to run"),
    ],
    ids=range(13),
)
def test_what_cannot_run_says_why(files: dict[str, str], reason: str) -> None:
    with pytest.raises(NoApp, match=reason):
        detect(files)


@pytest.mark.parametrize("nothing", ["null", "[]", "{}", "false", "0", '""'])
def test_a_package_says_what_it_says_to_npm(nothing: str) -> None:
    text = f'{{"scripts": {{"dev": "x", "a": null}}, "dependencies": {nothing}}}'
    package = read_package(text)
    assert package == Package({"dev": "x"})
    assert not package.needs_packages


def test_what_may_name_an_app_is_looked_at() -> None:
    assert looked_at(["a/index.html", "a/b/index.html"]) == ["a/index.html"]
    assert looked_at(["a/index.html", "index.html"]) == ["index.html"]
    own = ("z.py", "src/a/main.py", "b/app.py", "b/c/d/main.py", "tests/app.py")
    assert looked_at([*own, "main.py"]) == ["main.py", "src/a/main.py", "b/app.py"]
    many = [f"f{number}/main.py" for number in range(500)]
    assert len(looked_at(many)) < 50


def test_what_a_project_of_several_asks_for_is_looked_at() -> None:
    deep = ["node_modules/a/package.json", "x/node_modules/a/package.json"]
    own = ["package.json", "apps/web/package.json", "requirements/a.txt", *deep]
    assert looked_at(own) == own[:2]
    assert looked_at([*own[1:], "requirements.txt"]) == ["requirements.txt", own[2]]
    assert (
        len(looked_at(["package.json", *(f"p{n}/package.json" for n in range(99))]))
        < 60
    )


@pytest.mark.parametrize(
    ("more", "manifests"),
    [
        ({}, ("package.json",)),
        ({"pnpm-workspace.yaml": ""}, ("package.json", "pnpm-workspace.yaml")),
    ],
    ids=["npm", "pnpm"],
)
def test_a_project_of_several_is_installed_again_for_each_of_them(
    more: dict[str, str], manifests: tuple[str, ...]
) -> None:
    whole = '{"scripts": {"dev": "x"}, "workspaces": ["a", "b"]}'
    alone = '{"scripts": {"dev": "x"}}'
    parts = {"b/package.json": "{}", "a/package.json": "{}", **more}
    found = detect({"package.json": alone if more else whole, **parts})
    assert found.manifests == (*manifests, "a/package.json", "b/package.json")
    assert detect({"package.json": alone, **parts}).manifests == (
        found.manifests if more else ("package.json",)
    )


def test_a_list_of_packages_stands_with_those_that_it_includes() -> None:
    files = {
        "requirements.txt": "-r requirements/a.txt\n--constraint=c.txt\n-r gone.txt\nx",
        "requirements/a.txt": "-r ../requirements.txt\n  -c ../d.txt",
        "c.txt": "",
        "d.txt": "",
        "e.txt": "",
        "main.py": "",
    }
    wanted = ("requirements.txt", "requirements/a.txt", "c.txt", "d.txt")
    assert detect(files).manifests == wanted


def test_a_project_for_poetry_alone_is_refused() -> None:
    with pytest.raises(NoApp, match="Poetry"):
        python_requirements('[tool.poetry.dependencies]\nflask = "^3"')


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
