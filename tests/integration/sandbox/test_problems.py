"""What a driver is told about apps that do not work."""

import json
from uuid import UUID

import pytest

from contracts import codec, subjects
from contracts.project import Problem
from contracts.sandbox import (
    CheckApp,
    Failed,
    GetScreenshot,
    InstallDependencies,
    Problems,
    Running,
    Screenshot,
    StartServer,
    SyncFiles,
)
from tests.integration.sandbox.stage import Stage
from tests.support.polling import until

PACKAGE = '{"scripts": {"start": "node server.js"}}'
SERVER = """\
const http = require('http');
http.createServer((request, response) => {
  %s
}).listen(process.env.PORT, '127.0.0.1');
"""
PAGE = '<!doctype html>\n<h1>Hi</h1>\n<script src="/app.js"></script>\n'


async def check(
    service: Stage, files: dict[str, str], **variables: str
) -> list[Problem]:
    """Return what is wrong with an app of these files, which starts."""
    project = service.add(files)
    service.agent.projects[project].variables = variables
    await service.ask(project, SyncFiles(1))
    running = await service.ask(project, StartServer())
    assert isinstance(running, Running), running
    outcome = await service.ask(project, CheckApp())
    assert isinstance(outcome, Problems), outcome
    return outcome.problems


def node(body: str) -> dict[str, str]:
    return {"package.json": PACKAGE, "server.js": SERVER % body}


def place(problem: Problem) -> tuple[str, str | None, int | None]:
    return problem.source, problem.path, problem.line


async def start(service: Stage, files: dict[str, str]) -> Failed:
    """Return how the start of an app fails."""
    project = service.add(files)
    await service.ask(project, SyncFiles(1))
    outcome = await service.ask(project, StartServer())
    assert isinstance(outcome, Failed), outcome
    return outcome


async def test_an_app_that_works_has_no_problem(service: Stage) -> None:
    assert await check(service, node("response.end('<h1>Hello</h1>')")) == []


async def test_a_crash_at_the_start_names_the_line(service: Stage) -> None:
    files = {"package.json": PACKAGE, "server.js": "\n\nthrow new Error('no luck')\n"}
    (problem,) = (await start(service, files)).problems
    assert place(problem) == ("start", "server.js", 3)
    assert "exit code 1): Error: no luck." in problem.message.split("\n")[0]


async def test_a_python_app_that_fails_names_its_own_line(service: Stage) -> None:
    files = {"main.py": "import json\n\njson.loads('{')\n"}
    (problem,) = (await start(service, files)).problems
    assert place(problem) == ("start", "main.py", 3)
    assert "json.decoder.JSONDecodeError" in problem.message.split("\n")[0]


async def test_a_syntax_error_names_the_line(service: Stage) -> None:
    files = {"package.json": PACKAGE, "server.js": "const a = 1;\nconst = 2;\n"}
    (problem,) = (await start(service, files)).problems
    assert place(problem) == ("start", "server.js", 2)


async def test_an_app_that_answers_with_errors_only_does_not_start(
    service: Stage,
) -> None:
    body = "console.error(new Error('broken').stack);\n  response.statusCode = 500;"
    outcome = await start(service, node(f"{body} response.end('oh')"))
    (problem,) = outcome.problems
    assert outcome.reason == "The app answers with an error (500)."
    assert place(problem) == ("http", "server.js", 3)


async def test_a_failed_install_names_the_package(service: Stage) -> None:
    manifest = PACKAGE[:-1] + ',\n "dependencies": {\n  "nowhere-to-be": "1"}}'
    project = service.add({**node(""), "package.json": manifest})
    await service.ask(project, SyncFiles(1))
    outcome = await service.ask(project, InstallDependencies())
    assert isinstance(outcome, Failed)
    (problem,) = outcome.problems
    assert place(problem) == ("install", "package.json", 3)


async def test_a_crash_after_the_start_is_told(service: Stage) -> None:
    project = service.add(node("response.end(); setTimeout(() => nothing.there, 100)"))
    assert isinstance(await service.ask(project, StartServer()), Running)
    told: list[Problem] = []

    async def is_told() -> bool:
        outcome = await service.ask(project, CheckApp())
        assert isinstance(outcome, Problems)
        told[:] = outcome.problems
        # In the moment of the crash its page only fails to answer.
        return bool(told) and told[0].source == "crash"

    await until(is_told, "the crash is told")
    assert place(told[0]) == ("crash", "server.js", 3)
    assert "exit code 1): ReferenceError: nothing" in told[0].message.split("\n")[0]


async def test_the_last_words_of_an_app_need_no_end(service: Stage) -> None:
    last = "process.stderr.write('Error: no way on', () => process.exit(7))"
    project = service.add(node(f"if (request.url === '/end') {last}; response.end();"))
    assert isinstance(await service.ask(project, StartServer()), Running)
    await service.visit(project, "/end")
    await service.prints("The app stopped (exit code 7).")
    assert any("Error: no way on" in one.content for one in service.logs)
    outcome = await service.ask(project, CheckApp())
    assert isinstance(outcome, Problems)
    (told,) = outcome.problems
    assert "exit code 7): Error: no way on." in told.message.split("\n")[0]


# --- what a page says -----------------------------------------------------------------


async def test_an_exception_in_a_page_names_its_line(service: Stage) -> None:
    files = {"index.html": PAGE, "app.js": "\nconst a = {};\na.b.c = 1;\n"}
    (problem,) = await check(service, files)
    assert place(problem) == ("console", "app.js", 3)
    assert problem.message.startswith("TypeError: Cannot set properties of undefined")


@pytest.mark.usefixtures("browser")
async def test_what_a_page_asks_for_in_vain_is_told(service: Stage) -> None:
    files = {"index.html": PAGE, "app.js": "fetch('/api/x')\n"}
    page = f'{PAGE}<img src="/no.png">\n'
    found = {
        one.message: place(one)
        for one in await check(service, {**files, "index.html": page})
    }
    assert found == {
        "/api/x answers with an error (404).": ("http", "app.js", 1),
        "/no.png answers with an error (404).": ("http", "index.html", 4),
    }


@pytest.mark.usefixtures("browser")
async def test_a_page_that_logs_an_error_is_told_and_advice_is_not(
    service: Stage,
) -> None:
    script = "console.error('Warning: keys');\nconsole.error('lost', 7);\n"
    (problem,) = await check(service, {"index.html": PAGE, "app.js": script})
    assert place(problem) == ("console", "app.js", 2)
    assert problem.message == "lost 7"


@pytest.mark.usefixtures("browser")
async def test_an_answer_with_an_error_brings_what_the_app_printed(
    service: Stage,
) -> None:
    body = (
        "if (request.url === '/data') { console.error(Error('no table').stack);\n"
        "    response.statusCode = 500; return response.end() }\n"
        "  response.setHeader('content-type', 'text/html');\n"
        "  response.end(`<script>fetch('/data')</script>`)"
    )
    (problem,) = await check(service, node(body))
    assert place(problem) == ("http", "server.js", 3)
    assert problem.message.startswith("/data answers with an error (500): Error: no")


KEY = "sk-hush-hush"


async def test_a_secret_in_an_answer_is_no_part_of_the_problem(service: Stage) -> None:
    body = (
        "globalThis.asked = (globalThis.asked || 0) + 1;\n"
        "  response.statusCode = globalThis.asked > 1 ? 500 : 200;\n"
        "  response.end('key ' + process.env.API_KEY)"
    )
    (problem,) = await check(service, node(body), API_KEY=KEY)
    assert "key ***" in problem.message
    assert "hush" not in problem.message


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize("before", [0, 2994])
async def test_a_secret_that_a_page_prints_is_no_part_of_the_problem(
    service: Stage, before: int
) -> None:
    body = (
        "response.setHeader('content-type', 'text/html');\n"
        '  response.end(\'<script>console.error("x".repeat('
        f"{before}"
        ") + \"' + process.env.API_KEY + '\")</script>')"
    )
    (problem,) = await check(service, node(body), API_KEY=KEY)
    assert problem.source == "console"
    assert problem.message.endswith("***")
    assert "sk-" not in problem.message


@pytest.mark.parametrize("before", [0, 65_500])
async def test_a_secret_that_the_type_checker_prints_is_no_part_of_the_problem(
    service: Stage, before: int
) -> None:
    package = {
        "scripts": {"start": "node server.js"},
        "devDependencies": {"typescript": "file:./checker"},
    }
    said = f"server.js(1,1): error TS1: {'x' * before}"
    files = {
        **node("response.setHeader('content-type', 'text/html'); response.end('Hi')"),
        "package.json": json.dumps(package),
        "tsconfig.json": "{}",
        "checker/package.json": '{"name": "typescript", "version": "1.0.0"}',
        "checker/bin/tsc": f"console.log({said!r} + {KEY!r} + 'y'.repeat(99))",
    }
    (problem,) = await check(service, files, API_KEY=KEY)
    assert problem.source == "types"
    assert "***" in problem.message
    assert "sk-" not in problem.message


@pytest.mark.usefixtures("browser")
async def test_a_page_reaches_nobody_but_its_app(service: Stage) -> None:
    other = service.add({"index.html": "<h1>other</h1>"})
    await service.sees(other, "other")
    port = service.server.preview_port
    urls = [
        f"http://127.0.0.1:{port}/",
        "http://169.254.169.254/",
        service.registry.url,
    ]
    script = (
        f"Promise.allSettled({urls}.map((url) => fetch(url, {{mode: 'no-cors'}})))"
        ".then((all) => console.error('reached:',"
        " all.filter((one) => one.status === 'fulfilled').length))\n"
    )
    (problem,) = await check(service, {"index.html": PAGE, "app.js": script})
    assert problem.message == "reached: 0"


@pytest.mark.usefixtures("browser")
async def test_what_a_page_cannot_load_from_elsewhere_is_no_problem(
    service: Stage,
) -> None:
    outside = '<script src="https://cdn.example/lib.js"></script>\n'
    files = {"index.html": outside + PAGE, "app.js": "lib.start();\n"}
    assert await check(service, files) == []


@pytest.mark.usefixtures("browser")
async def test_a_page_that_floods_is_told_in_bounds(service: Stage) -> None:
    script = (
        "const long = 'x'.repeat(9000);\n"
        "for (let n = 0; n < 5000; n++) console.error(long + n);\n"
    )
    found = await check(service, {"index.html": PAGE, "app.js": script})
    assert 1 <= len(found) <= 20
    assert max(len(one.message) for one in found) <= 3100


async def screenshot(service: Stage, project: UUID) -> bytes | None:
    """Return how an app looked last, asked for as the api does."""
    subject, question = subjects.screenshot(project), GetScreenshot(project)
    body = codec.encode(question)
    answer = await service.bus.request(subject, body, timeout_s=10, traceparent=None)
    told: Screenshot = codec.decoder(Screenshot).decode(answer)
    return told.jpeg


@pytest.mark.usefixtures("browser")
async def test_the_last_look_of_an_app_is_kept_until_it_is_deleted(
    service: Stage,
) -> None:
    page = "<!doctype html>\n<style>body { background: %s }</style>\n"
    project = service.add({"index.html": page % "teal"})
    assert await screenshot(service, project) is None
    await service.ask(project, StartServer())
    await service.ask(project, CheckApp())
    first = await screenshot(service, project)
    assert first is not None
    # A baseline frame: 8 bits, 400 lines of 640 points.
    assert bytes.fromhex("ffc0 0011 08 0190 0280") in first
    await service.write(project, "index.html", page % "gold")
    await service.ask(project, CheckApp())
    second = await screenshot(service, project)
    assert second not in (None, first)
    await service.delete(project)

    async def is_gone() -> bool:
        return await screenshot(service, project) is None

    await until(is_gone, "the screenshot is removed")
