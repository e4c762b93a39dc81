"""An app that fills its disk: it is told, nobody else notices, and it can go on."""

import os
from collections.abc import AsyncIterator

import pytest

from sandbox.ports import BadFolder
from tests.contract.runtimes import BUBBLEWRAP, DOCKER, Bench, bench
from tests.support.polling import until

SIZE = 24 << 20
TOLD = "The folder of the app is full: it can hold 24 MiB."
# Files of 64 KiB, until there is no room; then, once it may, without them.
FILL = """
const fs = require('fs');
const piece = Buffer.alloc(1 << 16, 7);
let count = 0;
try { for (;;) fs.writeFileSync(`piece-${count}`, piece), count++ }
catch (error) { console.log(error.code, count) }
const waiting = setInterval(() => {
  if (!fs.existsSync('go')) return;
  clearInterval(waiting);
  for (let n = 0; n <= count; n++) fs.rmSync(`piece-${n}`, {force: true});
  for (let n = 0; n < 100; n++) fs.writeFileSync(`again-${n}`, piece);
  console.log('wrote again');
}, 20);
"""


@pytest.fixture(params=[DOCKER, BUBBLEWRAP[0]])
async def bounded(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with bench(request.param, os.environ, disk_bytes=SIZE, bounded=True) as lent:
        yield lent


async def test_whoever_fills_a_disk_fills_their_own(bounded: Bench) -> None:
    assert "disk: bounded by the kernel" in bounded.runtime.isolation.summary
    other = bounded.neighbour()
    await bounded.write(fill_js=FILL)
    app = await bounded.launch("node", "fill.js")

    async def told() -> bool:
        assert not app.ended
        printed = bounded.printed
        return b"\n" in printed["stdout"] and TOLD.encode() in printed["stderr"]

    await until(told, "the app has seen it, and is told", timeout_s=60)
    error, count = bounded.printed["stdout"].split()
    assert error == b"ENOSPC"
    assert int(count) << 16 < SIZE
    code, _ = await other.run("require('fs').writeFileSync('x', 'y'.repeat(1e6))")
    assert code == 0
    with pytest.raises(BadFolder, match=TOLD):
        await bounded.folder.apply({"large": bytes(SIZE)}, ())
    await bounded.write(go="")  # what mends an app has room all the same
    assert await app.wait() == 0
    assert b"wrote again" in bounded.printed["stdout"]
