"""A package registry of our own, so that installs are tested without the world's."""

import asyncio
import base64
import gzip
import hashlib
import io
import json
import tarfile
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Registry:
    """Serves packages that hold one file; remembers what it was asked for."""

    url: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    """The text of `index.js`, by name."""
    asked: list[str] = field(default_factory=list)
    is_silent: bool = False
    """Whoever asks waits for ever."""

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body for *path*, as npm's own registry would."""
        self.asked.append(path)
        name = path.strip("/").partition("/-/")[0]
        if name not in self.packages:
            return 404, b'{"error": "Not found"}'
        tarball = _tarball(name, self.packages[name])
        if "/-/" in path:
            return 200, tarball
        digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        dist = {
            "tarball": f"{self.url}{name}/-/{name}-1.0.0.tgz",
            "integrity": f"sha512-{digest}",
        }
        version = {"name": name, "version": "1.0.0", "dist": dist}
        document = {
            "name": name,
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": version},
        }
        return 200, json.dumps(document).encode()


def _tarball(name: str, text: str) -> bytes:
    manifest = json.dumps({"name": name, "version": "1.0.0", "main": "index.js"})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in (("package.json", manifest), ("index.js", text)):
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


@asynccontextmanager
async def registry(port: int = 0, **packages: str) -> AsyncIterator[Registry]:
    """Lend a registry that has these *packages*, on a free port unless one is named."""
    served = Registry(packages=packages)

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            status, body = served.answer(head.split(b" ")[1].decode())
            if served.is_silent:
                await reader.read()
            line = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{line}Connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield served
