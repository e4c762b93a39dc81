"""A node of a cluster with a real API server, and who gives pods to it.

It does what a kubelet and a scheduler do for pods of one container: takes those that
have no node yet, runs them (`kubelet.py`), says what becomes of them, and serves the
programs that the API server starts in them, over TLS.
"""

import asyncio
import json
import ssl
from asyncio import Queue, TaskGroup
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from tests.support.kubelet import Kubelet, Pod

NAME = "node"
_PAUSE_S = 0.1
_MERGE = {"content-type": "application/merge-patch+json"}


class Node:
    """The only node; *http* speaks to the API server as an administrator."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        engine: str,
        folder: Path,
        tls: ssl.SSLContext,
        namespace: str,
    ) -> None:
        self._http = http
        self._tls = tls
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._changed: Queue[Pod] = Queue()
        self._seen: dict[str, Pod] = {}
        self.kubelet = Kubelet(engine, folder, self._changed.put_nowait, "none")

    async def run(self, ending: asyncio.Event) -> None:
        """Work until *ending* is set."""
        app = web.Application()
        app.router.add_get("/exec/{namespace}/{name}/{container}", self._exec)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        await self._register(runner.addresses[0][1])
        async with TaskGroup() as works:
            tasks = [works.create_task(work) for work in (self._follow(), self._tell())]
            await ending.wait()
            for task in tasks:
                task.cancel()
        await self.kubelet.close()
        await runner.cleanup()

    async def _register(self, port: int) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        (await self._http.post("/api/v1/nodes", json=node)).raise_for_status()
        await self._patch(f"/api/v1/nodes/{NAME}/status", {"status": status})

    async def _patch(self, path: str, change: Mapping[str, Any]) -> None:
        answer = await self._http.patch(
            path, content=json.dumps(change), headers=_MERGE
        )
        answer.raise_for_status()

    async def _follow(self) -> None:
        """Take in what is there and what changes; anew where a watch has ended."""
        while True:
            with suppress(httpx.HTTPError):
                listed = (await self._http.get(self._pods)).raise_for_status().json()
                there = {pod["metadata"]["uid"] for pod in listed["items"]}
                for uid in self._seen.keys() - there:
                    await self._forget(uid)
                for pod in listed["items"]:
                    await self._take(pod)
                version = listed["metadata"]["resourceVersion"]
                await self._watch(version)
            await asyncio.sleep(_PAUSE_S)

    async def _watch(self, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version}
        answers = self._http.stream("GET", self._pods, params=query, timeout=None)
        async with answers as answer:
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    await self._forget(event["object"]["metadata"]["uid"])
                else:
                    await self._take(event["object"])

    async def _take(self, pod: Pod) -> None:
        metadata = pod["metadata"]
        path = f"{self._pods}/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            await self._forget(metadata["uid"])
            options = {
                "gracePeriodSeconds": 0,
                "preconditions": {"uid": metadata["uid"]},
            }
            await self._http.request("DELETE", path, json=options)
        elif not pod["spec"].get("nodeName"):
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": metadata["name"]},
                "target": {"apiVersion": "v1", "kind": "Node", "name": NAME},
            }
            await self._http.post(f"{path}/binding", json=binding)
        elif metadata["uid"] not in self._seen:
            self._seen[metadata["uid"]] = pod
            await self.kubelet.start(pod)

    async def _forget(self, uid: str) -> None:
        self._seen.pop(uid, None)
        await self.kubelet.end(uid)

    async def _tell(self) -> None:
        while True:
            pod = await self._changed.get()
            change = {
                "metadata": {"uid": pod["metadata"]["uid"]},
                "status": pod["status"],
            }
            path = f"{self._pods}/{pod['metadata']['name']}/status"
            with suppress(httpx.HTTPError):  # it is gone, or another one has its name
                await self._patch(path, change)

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        for uid, pod in self._seen.items():
            if pod["metadata"]["name"] == name:
                return await self.kubelet.exec(request, uid)
        raise web.HTTPNotFound
