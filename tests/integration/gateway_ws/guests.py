"""People in front of a gateway, and what they do to their project behind it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from websockets.asyncio.client import connect

from tests.support.again import patient_client
from tests.support.backend import Backend, ServiceProcess
from tests.support.loopback import text_at
from tests.support.stack import Message, Socket

NOTICE_S = 60.0
_SAMPLE = re.compile(
    r'^(?P<name>gateway_\w+)(\{\w+="(?P<label>[^"]*)"\})? (?P<value>\S+)$'
)


class Host(ServiceProcess):
    """A gateway as a process."""

    def __init__(self, backend: Backend, folder: Path, **environment: str) -> None:
        settings = {"NATS_URL": backend.nats.url, "LOG_LEVEL": "DEBUG", **environment}
        super().__init__("gateway_ws", folder, settings)

    def wait(self) -> int:
        """Return the exit code of a gateway that was told to end."""
        assert self._process is not None
        return self._process.wait(15)

    def count(self, name: str, label: str | None = None) -> float:
        """Return what the gateway has counted."""
        for line in text_at(f"{self.url}/metrics").splitlines():
            found = _SAMPLE.match(line)
            if found and found["name"] == name and found["label"] == label:
                return float(found["value"])
        return 0.0

    async def until_counted(
        self, more_than: float, name: str, label: str | None = None
    ) -> None:
        """Wait until more has been counted."""
        async with asyncio.timeout(NOTICE_S):
            while True:
                if self.count(name, label) > more_than:
                    return
                await asyncio.sleep(0.1)


class Guest:
    """Somebody with an account and a project."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.user_id = ""
        self.project = ""

    @property
    def cookie(self) -> str:
        """What a browser would send."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    @asynccontextmanager
    async def socket(
        self,
        host: Host,
        after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Socket]:
        """Open the project's socket at one gateway."""
        query = "" if after is None else f"?after={after}"
        async with connect(
            f"ws://127.0.0.1:{host.port}/ws/{self.project}{query}",
            additional_headers={"Cookie": self.cookie, **(headers or {})},
            max_size=None,
            ping_interval=None,
        ) as connection:
            yield Socket(connection)

    async def rename(self, name: str) -> None:
        """Have something happen to the project: one recorded event."""
        answer = await self.http.patch(
            f"/api/projects/{self.project}", json={"name": name}
        )
        assert answer.is_success, answer.text

    async def write(self, path: str, content: str) -> None:
        """Write a file: one recorded event of its size."""
        answer = await self.http.put(
            f"/api/project-files/{self.project}",
            json={"path": path, "content": content},
        )
        assert answer.is_success, answer.text


@asynccontextmanager
async def guest(backend: Backend) -> AsyncIterator[Guest]:
    """Lend somebody with an account and a project."""
    async with patient_client(backend.api.url) as http:
        somebody = Guest(http)
        answer = await http.post(
            "/api/auth/sign-up/email",
            json={
                "name": "Ada",
                "email": f"{uuid4().hex}@example.org",
                "password": "correct horse battery",
            },
        )
        assert answer.is_success, answer.text
        somebody.user_id = answer.json()["user"]["id"]
        answer = await http.post(
            "/api/projects", json={"name": "0", "description": "a timer"}
        )
        assert answer.is_success, answer.text
        somebody.project = answer.json()["id"]
        yield somebody


def seqs(messages: list[Message]) -> list[int]:
    """Return the seq of each recorded event."""
    return [message["seq"] for message in messages if "seq" in message]
