"""Apps that never can be seen, and what is said of them."""

import asyncio
import os
import time

import pytest

from sandbox.application import readiness
from sandbox.application.loads import Loads
from sandbox.application.trouble import Troubled
from tests.contract.runtimes import PLAIN, bench
from tests.support.polling import until

LISTEN = ".listen(process.env.PORT, process.env.HOST, () => console.log('listens'))"
_X = r"one.end('x\r\n\r\n')"
# Whoever asks may hang up at any moment: without the first line that would end the app.
_TAKES = "require('net').createServer((one) => {{ one.on('error', () => 0); {} }})"
SILENT = f"{_TAKES.format('')}{LISTEN}"
NONSENSE = f"{_TAKES.format(_X)}{LISTEN}"
LACKS = f"""
require('http').createServer((asked, answer) => {{
  if (asked.url !== '/a.js')
    return answer.setHeader('content-type', 'text/html')
      .end('<script type="module" src="/a.js"></script>');
  %s
}}){LISTEN}"""
LATE = f"""
let pages = 0, modules = 0;
const files = {{'/': `<script type="module" src="/a.js"></script>`, '/b.js': '',
  '/a.js': `import '/b.js'; import '/c.css'`, '/c.css': `import '/d.js'`}};
const types = {{js: 'text/javascript', css: 'text/css'}};
require('http').createServer((asked, answer) => {{
  const kind = types[asked.url.split('.')[1]] || 'text/html';
  answer.setHeader('content-type', kind);
  if (asked.url === '/' && ++pages < 3) answer.statusCode = 500;
  if (asked.url === '/a.js' && ++modules < 9) answer.statusCode = 504;
  answer.end(files[asked.url]);
}}){LISTEN}"""
DEAF = "setInterval(() => 0, 1000); console.log('listens')"


@pytest.mark.parametrize(
    ("script", "patience_s", "why"),
    [
        (DEAF, 20.0, "the app does not listen"),
        (NONSENSE, 20.0, "the app does not answer in HTTP"),
        (SILENT, 0.5, "it takes a request, and says nothing"),
    ],
    ids=["deaf", "nonsense", "silent"],
)
async def test_it_is_said_why_an_app_cannot_be_seen(
    script: str, patience_s: float, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "START_S", 0.5)
    monkeypatch.setattr(readiness, "_LAST_S", patience_s)
    async with bench(PLAIN, os.environ) as lent:
        await lent.write(server_js=script)
        process = await lent.launch("node", "server.js", serves=True)

        async def runs() -> bool:
            return b"listens" in lent.printed["stdout"]

        await until(runs, "it has begun")
        with pytest.raises(Troubled, match=f"within 0.5 seconds: {why}"):
            await readiness.until_ready(process, "a", Loads())


@pytest.mark.parametrize(
    ("module", "how"),
    [
        ("answer.writeHead(504).end()", r"answers with an error \(504\)"),
        ("answer.writeHead(502).end()", r"answers with an error \(502\)"),
        ("asked.socket.end('nonsense')", "is not answered in HTTP"),
        ("", "is never answered"),
    ],
    ids=["outdated", "bad gateway", "nonsense", "silent"],
)
async def test_a_page_that_never_gets_a_module_is_not_ready(
    module: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "LACKING_S", 0.1)
    monkeypatch.setattr(readiness, "_ANSWER_S", 1.0)
    async with bench(PLAIN, os.environ) as lent:
        process = await lent.serve(LACKS % module)
        with pytest.raises(Troubled, match=f"/a.js {how}") as raised:
            await readiness.until_ready(process, "a", Loads())
    assert (raised.value.source, raised.value.address) == ("http", "/a.js")


async def test_what_never_comes_of_an_app_that_was_seen_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "LACKING_S", 0.1)
    said = "mended ||= asked.headers.accept === 'mend';"
    stops = (
        "if (asked.headers.accept === 'stop') return console.log(stopped = 'stopped')"
    )
    words = f"{said} {stops}; if (stopped) return;"
    script = LACKS.replace("=> {", f"=> {{ {words}", 1)
    script = script % "answer.writeHead(mended ? 404 : 502).end()"
    async with bench(PLAIN, os.environ) as lent:
        process = await lent.serve(f"let mended, stopped; {script}")
        lack = await readiness.lack_of(process, "a")
        assert lack == ("/a.js", "answers with an error (502)")
        await process.fetch("a", "/", "mend")
        assert await readiness.lack_of(process, "a") is None
        monkeypatch.setattr(readiness, "START_S", 0.3)
        asked = asyncio.ensure_future(process.fetch("a", "/", "stop"))

        async def stopped() -> bool:
            return b"stopped" in lent.printed["stdout"]

        await until(stopped, "it answers nobody any more")
        assert await readiness.lack_of(process, "a") == ("/", "is never answered")
        asked.cancel()


async def test_what_comes_in_the_end_is_waited_for_and_learnt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "LACKING_S", 30.0)
    loads = Loads()
    async with bench(PLAIN, os.environ) as lent:
        await readiness.until_ready(await lent.serve(LATE), "a", loads)
    assert loads.modules == ("/b.js",)


def test_only_what_is_missing_time_and_again_never_comes() -> None:
    walks, missing = readiness.Walks(), {"/a.js": "is never answered"}
    now = time.monotonic()
    for one in (missing, {}, missing):
        walks.walked(one, now - 1000)
        assert walks.lacking is None
    walks.walked(missing, now)
    assert walks.lacking == ("/a.js", "is never answered")
