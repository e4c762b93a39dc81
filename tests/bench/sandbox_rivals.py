"""An app as one starts it by hand: `npm install && npm run dev`, beside the sandbox."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from msgspec import Struct

from sandbox.domain.diagnosis.module_graph import (
    imports_of_module,
    is_bundle,
    modules_of_page,
)
from standalone.ports import free_port
from tests.support.npm import NPM, node_environ

_START_S = 120.0
_PAUSE_S = 0.02
_OUTDATED = 504


class Plain(Struct):
    """An app that was started by hand."""

    folder: Path
    url: str
    install_s: float
    start_s: float

    @property
    def total_s(self) -> float:
        """From the files to a module graph that is served."""
        return self.install_s + self.start_s


@asynccontextmanager
async def plain(
    files: Mapping[str, str | bytes], cache: Path, log: Path
) -> AsyncIterator[Plain]:
    """Install an app with npm and start its dev server; end it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="plain-", dir=cache.parent))
    environ = {**node_environ(), "npm_config_cache": str(cache), "BROWSER": "none"}
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
    process: asyncio.subprocess.Process | None = None
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    try:
        begun = time.monotonic()
        await npm(folder, environ, "install", "--prefer-offline")
        installed = time.monotonic()
        options = ("--host", "127.0.0.1", "--port", str(port), "--strictPort")
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(*NPM, "run", "dev", "--", *options),
                cwd=folder,
                env=environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await until_served(url)
        served = time.monotonic()
        yield Plain(folder, url, installed - begun, served - installed)
    finally:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def npm(folder: Path, environ: Mapping[str, str], *words: str) -> None:
    """Run npm in *folder*."""
    process = await asyncio.create_subprocess_exec(
        *(*NPM, *words, "--no-audit", "--no-fund"),
        cwd=folder,
        env=dict(environ),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise RuntimeError(f"npm {' '.join(words)} failed")


async def until_served(url: str, headers: Mapping[str, str] | None = None) -> None:
    """Ask for a page and every module that it loads until all of them were served."""
    deadline = time.monotonic() + _START_S
    async with httpx.AsyncClient(
        trust_env=False, timeout=60, base_url=url, headers=headers
    ) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if await _all_served(client):
                    return
            await asyncio.sleep(_PAUSE_S)
    raise TimeoutError(f"{url} was not served")


async def _all_served(client: httpx.AsyncClient) -> bool:
    page = await client.get("/", headers={"accept": "text/html"})
    if page.is_error:
        return False
    waiting = modules_of_page(page.text, "/")
    known = set(waiting)
    while waiting:
        answers = await asyncio.gather(*(client.get(path) for path in waiting))
        fresh: list[str] = []
        for path, answer in zip(waiting, answers, strict=True):
            if answer.status_code == _OUTDATED:
                return False
            kind = answer.headers.get("content-type", "")
            if "javascript" in kind and not is_bundle(path):
                fresh += imports_of_module(answer.text, path)
        waiting = [path for path in dict.fromkeys(fresh) if path not in known]
        known |= set(waiting)
    return True
