"""What visitors of previews see, by host name."""

import asyncio
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from contracts.sandbox import Running, StartServer, SyncFiles
from sandbox.domain.previews.pages import IS_OPEN, OPENED, OPENING
from tests.integration.sandbox.stage import (
    DOMAIN,
    Stage,
    host_of,
    sandbox_server,
    stage,
)
from tests.support.counted import metrics_at
from tests.support.desk import desk

PAGE = {
    "index.html": "<body><h1>One</h1></body>",
    "about.html": "<h1>About</h1>",
    "css/style.css": "h1 { color: red }",
    "docs/index.html": "<h1>Docs</h1>",
    ".env": "SECRET=1",
}
ECHO = {
    "package.json": '{"scripts": {"start": "node server.js"}}',
    "server.js": """
require('http').createServer((request, response) => {
  if (request.url === '/die') process.exit(9);
  if (request.url === '/gone.js') response.setHeader('Content-Type', 'text/html');
  response.setHeader('Set-Cookie', ['own=1; Path=/', 'wide=1; Domain=localhost',
    'better-auth.session_token=stolen']);
  response.setHeader('Strict-Transport-Security', 'max-age=1');
  response.setHeader('X-Frame-Options', 'DENY');
  if (request.url !== '/slow') return response.end(JSON.stringify(request.headers));
  response.write('first ');
  setTimeout(() => response.end('last'), 300);
}).listen(process.env.PORT, process.env.HOST);
""",
}
LATE = """
const server = require('http').createServer((_, answer) => answer.end('awake'));
setTimeout(() => server.listen(process.env.PORT, process.env.HOST), 2500);
console.log('still thinking');
"""


async def test_a_plain_page_needs_no_process(service: Stage) -> None:
    project = service.add(PAGE)
    await service.ask(project, SyncFiles(1))
    await service.ask(project, StartServer())
    answer = await service.visit(project)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "<h1>One</h1>" in answer.text
    assert service.processes_of(project) == []


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/css/style.css", 200, "color: red"),
        ("/about", 200, "About"),
        ("/about.html?x=1", 200, "About"),
        ("/missing.js", 404, ""),
        ("/.env", 404, ""),
        ("/%2eenv", 404, ""),
        ("/css/%2e%2e/.env", 404, ""),
        ("/..%2f..%2fstate.json", 404, ""),
        ("/css", 404, ""),
        ("/docs?a=b", 302, ""),
        ("/%00", 404, ""),
    ],
)
async def test_a_path_of_a_plain_page(
    service: Stage, path: str, status: int, text: str
) -> None:
    project = service.add(PAGE)
    answer = await service.visit(project, path)
    assert (answer.status_code, text in answer.text) == (status, True)
    assert "SECRET" not in answer.text


async def test_a_link_in_a_plain_page_leads_nowhere(service: Stage) -> None:
    project = service.add(PAGE)
    await service.visit(project)
    (service.folder_of(project) / "passwd").symlink_to("/etc/passwd")
    (service.folder_of(project) / "etc").symlink_to("/etc")
    assert (await service.visit(project, "/passwd")).status_code == 404
    assert (await service.visit(project, "/etc/passwd")).status_code == 404


async def test_an_open_plain_page_learns_of_a_change(service: Stage) -> None:
    project = service.add(PAGE)
    page = (await service.visit(project)).text
    token = page.split('})("')[1].split('"')[0]
    waiting = asyncio.ensure_future(
        service.visit(project, f"/.atelier/changes?after={token}")
    )
    await service.write(project, "index.html", "<h1>Two</h1>")
    assert (await waiting).text != token
    assert "Two" in (await service.visit(project)).text


async def test_the_app_does_not_learn_who_its_visitor_is(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    answer = await service.visit(
        project,
        cookie="better-auth.session_token=mine; theirs=1; __Secure-better-auth.x=2",
        authorization="Bearer atl_mine",
        x_forwarded_for="1.2.3.4",
    )
    seen = answer.json()
    assert seen["cookie"] == "theirs=1"
    assert seen["host"] == host_of(project)
    assert not {"authorization", "x-forwarded-for", "x-forwarded-host"} & seen.keys()


async def test_the_app_reaches_nothing_beyond_its_origin(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    headers = (await service.visit(project)).headers
    framed = "own=1; Path=/; SameSite=None; Secure; Partitioned"
    assert headers.get_list("set-cookie") == ["own=1; Path=/", framed]
    assert "strict-transport-security" not in headers
    assert "x-frame-options" not in headers
    assert headers["origin-agent-cluster"] == "?1"


async def test_an_answer_is_passed_on_as_it_comes(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    assert (await service.visit(project, "/slow")).text == "first last"
    worker = await service.visit(project, "/worker.js", service_worker="script")
    assert worker.json()["service-worker"] == "script"
    gone = await service.visit(project, "/gone.js", service_worker="script")
    assert gone.headers["content-type"] == "text/javascript"
    assert "unregister" in gone.text


async def test_a_plain_page_lies_in_whatever_folder_it_likes(service: Stage) -> None:
    project = service.add({f"site/{path}": text for path, text in PAGE.items()})
    assert "<h1>One</h1>" in (await service.visit(project)).text
    assert "Docs" in (await service.visit(project, "/docs/")).text
    moved = await service.visit(project, "/docs?a=b")
    assert moved.headers["location"] == "/docs/?a=b"
    part = await service.visit(project, "/css/style.css", range="bytes=0-1")
    assert (part.status_code, part.text) == (206, "h1")
    assert part.headers["content-range"] == "bytes 0-1/17"
    past = await service.visit(project, "/css/style.css", range="bytes=99-")
    assert (past.status_code, past.headers["content-range"]) == (416, "bytes */17")
    for path in ("/../site/.env", "/.env", "/index.html/"):
        assert (await service.visit(project, path)).status_code == 404
    gone = await service.visit(project, "/sw.js", service_worker="script")
    assert "unregister" in gone.text


@pytest.mark.parametrize(
    "path", ["/@fs/etc/passwd", "/%40fs/etc/passwd", "/@FS/app/x", "/a/%2e%2e/b"]
)
async def test_paths_out_of_the_app_are_refused(service: Stage, path: str) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    assert (await service.visit(project, path)).status_code == 404


async def test_a_name_that_is_not_ours_leads_nowhere(service: Stage) -> None:
    project = service.add(PAGE)
    name = host_of(project).partition(".")[0]
    forged = ("a" if name[-1] != "a" else "b").join([name[:-1], ""])
    port = service.server.preview_port
    for host in (f"{forged}.{DOMAIN}", f"{name}.example.com", DOMAIN, f"x.{DOMAIN}"):
        assert (await service.get(port, "/", host)).status_code == 404
    assert not service.folder_of(project).exists()


async def test_a_project_that_never_was_is_not_found(service: Stage) -> None:
    project = uuid4()
    await service.sees(project, "no preview here")
    assert not service.folder_of(project).parent.exists()


async def test_a_visitor_sees_how_far_an_app_is_that_wakes(service: Stage) -> None:
    project = service.add({**ECHO, "server.js": LATE})
    first = await service.visit(project)
    assert first.status_code == 503
    assert first.headers["retry-after"] == "1"
    await service.sees(project, "still thinking")
    await service.sees(project, "awake")


async def test_whoever_wants_no_page_gets_a_sentence(service: Stage) -> None:
    project = service.add({**ECHO, "server.js": LATE})
    answer = await service.visit(project, accept="*/*")
    assert (answer.status_code, answer.text) == (503, "The app is starting.\n")


async def test_an_answer_that_is_none_is_told(service: Stage) -> None:
    script = (
        "require('net').createServer((one) => one.on('data', (data) => one.end("
        "`${data}`.includes('/odd') ? 'odd' : 'HTTP/1.1 200 OK\\r\\n\\r\\nfine')))"
        ".listen(process.env.PORT)"
    )
    project = service.add({**ECHO, "server.js": script})
    await service.sees(project, "fine")
    for accept in ("*/*", "text/html"):
        answer = await service.visit(project, "/odd", accept=accept)
        assert answer.status_code == 503
        assert "its answer was no HTTP" in answer.text
        assert "not running" not in answer.text
        assert OPENED not in answer.text  # its page would load itself without end


async def test_an_app_that_crashed_shows_why_and_comes_back(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    answer = await service.visit(project, "/die")
    assert answer.status_code == 503
    assert "location.reload" in answer.text
    await service.sees(project, "The app stopped (exit code 9).")
    await service.sees(project, '"accept":')


async def test_a_failed_install_is_shown_to_the_visitor(service: Stage) -> None:
    files = {
        **ECHO,
        "package.json": '{"scripts": {"start": "x"}, "dependencies": '
        '{"nowhere-to-be": "1"}}',
    }
    project = service.add(files)
    await service.sees(project, "Installing the packages failed")


async def test_an_edit_restarts_an_app_that_does_not_watch(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    changed = ECHO["server.js"].replace("JSON.stringify(request.headers)", "'changed'")
    await service.write(project, "server.js", changed)
    await service.sees(project, "changed")


async def test_what_an_owner_names_is_in_the_apps_environment(service: Stage) -> None:
    code = "JSON.stringify([process.env.GREETING, process.env.HOST])"
    script = ECHO["server.js"].replace("JSON.stringify(request.headers)", code)
    project = service.add({**ECHO, "server.js": script})
    service.agent.projects[project].variables = {"GREETING": "hello", "HOST": "::"}
    await service.sees(project, '["hello","127.0.0.1"]')
    await service.set_variables(project, GREETING="goodbye")
    await service.sees(project, '["goodbye","127.0.0.1"]')


async def test_a_secret_that_an_app_prints_is_seen_by_nobody(service: Stage) -> None:
    say = "console.log('the key is ' + process.env.API_KEY);\n"
    project = service.add({**ECHO, "server.js": say + ECHO["server.js"]})
    service.agent.projects[project].variables = {"API_KEY": "sk-hush-hush"}
    await service.sees(project, '"accept":')
    await service.prints("the key is ***")
    assert not any("sk-hush-hush" in one.content for one in service.logs)


async def test_a_picture_is_shown_byte_for_byte(service: Stage) -> None:
    picture = bytes(range(256)) * 4096
    project = service.add({**PAGE, "img/a.png": picture})
    answer = await service.visit(project, "/img/a.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == picture


async def test_a_file_that_a_person_deletes_is_gone(service: Stage) -> None:
    project = service.add(PAGE)
    await service.sees(project, "About", "/about")
    await service.delete_file(project, "about.html")
    await service.sees(project, "no preview here", "/about")


async def test_an_app_sleeps_and_wakes_over_a_restart(service: Stage) -> None:
    project = service.add(ECHO)
    await service.sees(project, '"accept":')
    service.restart()
    assert service.processes_of(project) == []
    await service.sees(project, '"accept":')


async def test_a_python_app_is_shown(service: Stage) -> None:
    script = (
        "import http.server, os\n"
        "class Page(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        "        self.wfile.write(b'from python')\n"
        "address = (os.environ['HOST'], int(os.environ['PORT']))\n"
        "http.server.HTTPServer(address, Page).serve_forever()\n"
    )
    project = service.add({"main.py": script})
    await service.sees(project, "from python")


async def test_starts_of_apps_are_counted_by_what_came_of_them(service: Stage) -> None:
    port = service.server.http_port
    before = metrics_at(port)
    await service.sees(service.add(ECHO), '"accept":')
    dying = {**ECHO, "server.js": "process.exit(1)"}
    await service.sees(service.add(dying), "exit code 1")
    after = metrics_at(port)
    for outcome in ("running", "failed"):
        name = f"sandbox_starts_total[('outcome', '{outcome}')]"
        assert after[name] > before.get(name, 0.0)


async def test_previews_live_behind_one_wildcard_domain() -> None:
    with sandbox_server(
        PREVIEW_DOMAIN="Apps.example",
        PUBLIC_URL="https://atelier.example",
        SANDBOX_ISOLATION="process",
    ) as server:
        async with stage(server) as service:
            project = service.add(PAGE)
            name = host_of(project).partition(".")[0]
            running = await service.ask(project, StartServer())
            assert isinstance(running, Running), running
            assert running.url == f"https://{name}.apps.example/"
            port = server.preview_port
            shown = await service.get(port, "/", f"{name.upper()}.apps.example")
            assert "<h1>One</h1>" in shown.text
            assert (await service.visit(project)).status_code == 404


async def test_an_app_comes_in_the_place_of_the_page_that_was_there_before_it(
    service: Stage, chromium: Browser
) -> None:
    project = service.add(PAGE)
    name = host_of(project).partition(":")[0]
    address = f"http://{name}:{service.server.preview_port}{OPENING}"
    async with desk(chromium, address) as page:
        frame = page.frame_locator("#preview")
        await expect(frame.get_by_role("heading")).to_have_text("One moment")
        assert not service.folder_of(project).exists()  # nothing was begun for it
        assert await page.evaluate("window.told") == []
        await service.ask(project, SyncFiles(1))
        await service.ask(project, StartServer())
        await expect(frame.get_by_role("heading")).to_have_text("One")
        assert await page.evaluate("window.told") == ["atelier:open"]


async def test_who_waits_for_an_app_hears_that_there_is_one(service: Stage) -> None:
    project = service.add(PAGE)
    waiting = asyncio.ensure_future(service.visit(project, OPENED))
    await service.ask(project, SyncFiles(1))
    await service.ask(project, StartServer())
    assert (await waiting).content == IS_OPEN
    assert (await service.visit(project, OPENED)).content == IS_OPEN


async def test_an_open_page_follows_an_app_from_start_to_crash_to_repair(
    service: Stage, chromium: Browser
) -> None:
    page = await chromium.new_page()
    project = service.add({**ECHO, "server.js": LATE})
    port = service.server.preview_port
    url = f"http://{host_of(project).partition(':')[0]}:{port}/"
    await page.goto(url)
    await expect(page.locator("pre")).to_contain_text("still thinking")
    await expect(page.locator("body")).to_have_text("awake", timeout=30_000)
    await service.write(
        project, "server.js", "console.log('x'); throw Error('<b>y</b>')"
    )
    await service.sees(project, "Error: &lt;b&gt;y")
    await page.goto(url)
    await expect(page.locator("pre")).to_contain_text("Error: <b>y</b>", timeout=30_000)
    await service.write(project, "server.js", LATE.replace("awake", "mended"))
    await expect(page.locator("body")).to_have_text("mended", timeout=30_000)
