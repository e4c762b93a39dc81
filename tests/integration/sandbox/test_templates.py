"""Packages that are there before anybody asks, with those of the real registry."""

import json
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from contracts.sandbox import (
    Failed,
    InstallDependencies,
    Installed,
    Running,
    StartServer,
    SyncFiles,
)
from tests.integration.sandbox.stage import SandboxServer, Stage, sandbox_server, stage
from tests.integration.sandbox.templates import (
    are_made,
    install,
    kanban,
    runtime,
    templates,
)
from tests.support.polling import until


@pytest.fixture(scope="module", params=["process", "docker"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with sandbox_server(world=True, **templates(**runtime(request.param))) as lent:
        yield lent


@pytest.fixture
async def world(server: SandboxServer) -> AsyncIterator[Stage]:
    async with stage(server) as made:
        await are_made(made, "bun", "react")
        yield made


async def run(world: Stage, project: UUID) -> Running:
    for operation in (SyncFiles(1), InstallDependencies()):
        outcome = await world.ask(project, operation)
        assert not isinstance(outcome, Failed), outcome
    running = await world.ask(project, StartServer())
    assert isinstance(running, Running), running
    return running


async def test_the_demos_app_runs_without_an_install(world: Stage) -> None:
    assert await install(world, kanban()) == []
    (project,) = world.agent.projects
    assert isinstance(await world.ask(project, StartServer()), Running)
    assert "createRoot" in (await world.visit(project, "/src/main.tsx")).text
    link = (await world.visit(project)).headers["link"]
    assert "</src/CardView.tsx>;rel=modulepreload" in link
    assert "/react-dom_client.js?v=" in link
    modules = world.folder_of(project) / "node_modules"
    assert list(modules.iterdir()) == []  # seen inside alone


async def test_packages_beyond_the_template_come_and_go(world: Stage) -> None:
    assert await install(world, kanban(mitt="3.0.1")) == ["bun"]
    (project,) = world.agent.projects
    files = world.agent.projects[project].files
    files["src/main.tsx"] = 'import mitt from "mitt"; document.title = typeof mitt();'
    world.agent.projects[project].version += 1
    await world.ask(project, SyncFiles(2))
    assert isinstance(await world.ask(project, StartServer()), Running)
    assert "mitt.js" in (await world.visit(project, "/src/main.tsx")).text
    bundles = world.folder_of(project).parent / "layer/upper/.vite/deps"
    assert (bundles / "mitt.js").exists()  # Vite could put it in place
    running = set(world.processes_of(project))
    files["package.json"] = kanban(mitt="3.0.1", klona="2.0.6")["package.json"]
    world.agent.projects[project].version += 1
    await world.ask(project, SyncFiles(3))
    assert isinstance(await world.ask(project, InstallDependencies()), Installed)
    assert running & set(world.processes_of(project))  # it goes on meanwhile
    modules = bundles.parents[1]
    assert {"mitt", "klona"} <= {path.name for path in modules.iterdir()}
    files["package.json"] = kanban(klona="2.0.6")["package.json"]
    world.agent.projects[project].version += 1
    await world.ask(project, SyncFiles(4))
    await world.ask(project, InstallDependencies())
    assert not (modules / "mitt").exists()


async def test_an_app_sees_no_package_that_it_does_not_ask_for(world: Stage) -> None:
    files = kanban()
    package = json.loads(files["package.json"])
    del package["devDependencies"]["typescript"]
    listing = "require('fs').readdirSync('node_modules').join()"
    server = f"require('http').createServer((q, r) => r.end({listing}))"
    package |= {"type": "commonjs", "scripts": {"dev": "node server.js"}}
    files |= {
        "package.json": json.dumps(package),
        "server.js": f"{server}.listen(process.env.PORT)",
    }
    project = world.add(files)
    await run(world, project)
    seen = (await world.visit(project)).text.split(",")
    assert "react" in seen
    assert "typescript" not in seen


async def test_what_one_app_changes_no_other_sees(world: Stage) -> None:
    package = json.loads(kanban()["package.json"])
    package |= {"type": "commonjs", "scripts": {"dev": "node server.js"}}
    spoil = "fs.writeFileSync('node_modules/react/index.js', 'spoilt');"
    texts = [spoil, ""]
    answers = []
    for text in texts:
        files = {
            "package.json": json.dumps(package),
            "server.js": f"const fs = require('fs'); {text}"
            "require('http').createServer((q, r) => "
            "r.end(fs.readFileSync('node_modules/react/index.js')))"
            ".listen(process.env.PORT)",
        }
        project = world.add(files)
        await run(world, project)
        answers.append((await world.visit(project)).text)
    assert answers[0] == "spoilt"
    assert "spoilt" not in answers[1]


@pytest.mark.parametrize("name", ["package-lock.json", "bun.lock", "pnpm-lock.yaml"])
async def test_the_versions_of_a_lock_file_are_installed(
    world: Stage, name: str
) -> None:
    files: dict[str, str | bytes] = {
        "package.json": NANOID,
        "server.js": "require('http').createServer((q, r) => r.end("
        "require('fs').readFileSync('node_modules/nanoid/package.json')))"
        ".listen(process.env.PORT)",
        name: LOCKS[name],
    }
    assert await install(world, files) == ["bun"]
    (project,) = world.agent.projects
    await run(world, project)
    assert (await world.visit(project)).json()["version"] == "5.0.1"


async def test_a_package_that_is_not_the_one_of_the_lock_file_is_refused(
    world: Stage,
) -> None:
    files = {"package.json": NANOID, "bun.lock": LOCKS["bun.lock"]}
    files["bun.lock"] = files["bun.lock"].replace(INTEGRITY[:11], "sha512-AAAA")
    project = world.add(files)
    await world.ask(project, SyncFiles(1))
    outcome = await world.ask(project, InstallDependencies())
    assert isinstance(outcome, Failed), outcome
    assert "ntegrity" in outcome.reason


async def test_a_hostile_manifest_runs_nothing_and_reaches_nobody(world: Stage) -> None:
    package = json.loads(kanban()["package.json"])
    package["scripts"] |= dict.fromkeys(
        ("preinstall", "install", "postinstall"), "touch spoilt"
    )
    package["dependencies"] |= {"__proto__": "1", "../../x": "1", "a b": "1"}
    package["trustedDependencies"] = ["esbuild"]
    project = world.add({**kanban(), "package.json": json.dumps(package)})
    await world.ask(project, SyncFiles(1))
    outcome = await world.ask(project, InstallDependencies())
    assert isinstance(outcome, Installed | Failed)
    assert not (world.folder_of(project) / "spoilt").exists()


async def test_a_template_that_vanishes_is_made_up_for(world: Stage) -> None:
    project = world.add(kanban())
    await run(world, project)
    layer = world.server.layout.box(project).layer
    layer.template.write_text("react-gone", encoding="ascii")
    world.restart()
    await until_answers(world, project)


async def until_answers(world: Stage, project: UUID) -> None:
    async def answers() -> bool:
        return "root" in (await world.visit(project)).text

    await until(answers, "the preview is back")


async def test_a_controller_that_is_killed_leaves_no_half_template() -> None:
    with sandbox_server(world=True, SANDBOX_TEMPLATES="true") as own:
        folder = own.root / "sandboxes"

        async def begun() -> bool:
            return any((folder / "spares").glob("*/disk/files/app/package.json"))

        await until(begun, "a template is being made")
        own.kill()
        assert not any((folder / "templates").glob("*/made"))
        own.start()

        async def whole() -> bool:
            return any((folder / "templates").glob("bun-*/made"))

        await until(whole, "a template is made after all")
        found = [path.name for path in (folder / "templates").glob("new-*/made")]
        assert found == []


async def test_two_controllers_make_a_template_once() -> None:
    with (
        sandbox_server(world=True, SANDBOX_TEMPLATES="true") as first,
        sandbox_server(
            world=True,
            SANDBOX_TEMPLATES="true",
            SANDBOX_TEMPLATES_DIR=str(first.root / "sandboxes" / "templates"),
        ) as second,
    ):
        folder = first.root / "sandboxes" / "templates"

        async def whole() -> bool:
            return any(folder.glob("bun-*/made"))

        await until(whole, "a template is made")
        both = [one.log.read_text(errors="replace") for one in (first, second)]
        assert "".join(both).count('"template":"bun') <= 1
        for one in (first, second):  # which would finish the other templates
            one.kill()


INTEGRITY = (
    "sha512-vWeVtV5Cw68aML/QaZvqN/3QQXc6fBfIieAlu05m7FZ"
    "W2Dgb+3f0xc0TTxuJW+7u30t7iSDTV/j3kVI0oJqIfQ=="
)
NANOID = json.dumps(
    {
        "name": "x",
        "scripts": {"dev": "node server.js"},
        "dependencies": {"nanoid": "^5.0.0"},
    }
)
LOCKS = {
    "package-lock.json": json.dumps(
        {
            "name": "x",
            "lockfileVersion": 3,
            "requires": True,
            "packages": {
                "": {"name": "x", "dependencies": {"nanoid": "^5.0.0"}},
                "node_modules/nanoid": {
                    "version": "5.0.1",
                    "integrity": INTEGRITY,
                    "bin": {"nanoid": "bin/nanoid.js"},
                },
            },
        }
    ),
    "bun.lock": json.dumps(
        {
            "lockfileVersion": 1,
            "workspaces": {"": {"name": "x", "dependencies": {"nanoid": "^5.0.0"}}},
            "packages": {"nanoid": ["nanoid@5.0.1", "", {}, INTEGRITY]},
        }
    ),
    "pnpm-lock.yaml": """\
lockfileVersion: '9.0'
settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false
importers:
  .:
    dependencies:
      nanoid:
        specifier: ^5.0.0
        version: 5.0.1
packages:
  nanoid@5.0.1:
    resolution: {integrity: SHA}
    engines: {node: ^18 || >=20}
    hasBin: true
snapshots:
  nanoid@5.0.1: {}
""".replace("SHA", INTEGRITY),
}
