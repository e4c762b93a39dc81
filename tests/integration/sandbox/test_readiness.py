"""Apps that never can be seen, and what is said of them."""

import os

import pytest

from sandbox.application import readiness
from sandbox.application.trouble import Troubled
from tests.contract.runtimes import PLAIN, bench, until

LISTEN = ".listen(process.env.PORT, process.env.HOST, () => console.log('listens'))"
SILENT = f"require('net').createServer(() => 0){LISTEN}"
NONSENSE = f"require('net').createServer((one) => one.end('x\\r\\n\\r\\n')){LISTEN}"
DEAF = "setInterval(() => 0, 1000); console.log('listens')"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (DEAF, "the app does not listen"),
        (NONSENSE, "the app does not answer in HTTP"),
        (SILENT, "it takes a request, and says nothing"),
    ],
    ids=["deaf", "nonsense", "silent"],
)
async def test_it_is_said_why_an_app_cannot_be_seen(
    script: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "START_S", 0.5)
    monkeypatch.setattr(readiness, "_LAST_S", 0.5)
    async with bench(PLAIN, os.environ) as lent:
        await lent.write(server_js=script)
        process = await lent.launch("node", "server.js", serves=True)

        async def runs() -> bool:
            return b"listens" in lent.printed["stdout"]

        await until(runs, "it has begun")
        with pytest.raises(Troubled, match=f"within 0.5 seconds: {why}"):
            await readiness.until_ready(process, "a")
