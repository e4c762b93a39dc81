"""A page of another site with a frame for a preview, as the workspace has one."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page

_ROOT = Path(__file__).parents[2]
_RIGHTS = re.compile(r'RIGHTS = "([^"]+)"')
_PAGE = """\
<!doctype html>
<title>Desk</title>
<script>
  window.told = [];
  addEventListener("message", (event) => window.told.push(event.data));
</script>
<iframe id="preview" referrerpolicy="no-referrer" sandbox="{rights} allow-same-origin"
        style="width: 960px; height: 640px" src="{address}"></iframe>
"""


@asynccontextmanager
async def desk(browser: Browser, address: str) -> AsyncIterator[Page]:
    """Open it with *address* in the frame, with the rights that the workspace gives."""
    source = (_ROOT / "services/web/src/project/preview.ts").read_text(encoding="utf-8")
    rights = _RIGHTS.findall(source)[0]
    body = _PAGE.format(rights=rights, address=address).encode()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\n"
        head += "Connection: close\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        context = await browser.new_context()
        try:
            page = await context.new_page()
            await page.goto(f"http://localhost:{port}/")
            yield page
        finally:
            await context.close()
