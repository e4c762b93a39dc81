"""All of Atelier by compose: one prompt later there is a preview."""

import os
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.deploy.composed import Composed, composed
from tests.integration.deploy.test_compose_file import ADDED
from tests.support.polling import wait_until
from tests.support.servers import server_folder
from tests.support.stack import Person, Stack, person

PROMPT = "a pomodoro timer"
OURS = ("api", "gateway-ws", "agent", "sandbox", "demo-model", "provision")
LONG_RUNNING = (*OURS[:5], "door", "nats", "postgres")
ENDS = ("provision", "nats-volumes")


@pytest.fixture(scope="module")
def installation(engine: str) -> Iterator[Composed]:
    with server_folder() as folder, composed(folder, engine) as started:
        yield started


async def build_app(somebody: Person) -> str:
    """Build an app and return its project's id once the preview shows it."""
    project_id = await somebody.create_project(PROMPT)
    async with somebody.socket(project_id) as socket:
        await socket.build()
    project = await somebody.project_as(project_id, "complete")
    await somebody.preview_until(str(project["previewUrl"]), "script.js")
    return project_id


async def test_a_prompt_ends_in_a_preview(installation: Composed) -> None:
    async with person(cast("Stack", installation)) as ada:
        page = await ada.http.get("/", headers={"accept": "text/html"})
        assert "<title>Atelier" in page.text
        await build_app(ada)


def test_every_container_is_bounded_and_comes_back(installation: Composed) -> None:
    containers = installation.containers()
    assert set(containers) == {*LONG_RUNNING, *ENDS}
    for name, container in containers.items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        added = [one.removeprefix("CAP_") for one in host["CapAdd"] or []]
        assert sorted(added) == ADDED.get(name, []), name
        assert not host["Privileged"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert host["NanoCpus"] > 0, name
        assert host["PidsLimit"] > 0, name
        assert host["LogConfig"]["Config"]["max-size"] == "10m", name
        assert host["RestartPolicy"]["Name"] in ("unless-stopped", "on-failure"), name
        assert not any("docker.sock" in bind for bind in host["Binds"] or []), name


@pytest.mark.parametrize("service", [*OURS[:5], "nats"])
def test_services_are_nobody_without_capabilities(
    installation: Composed, service: str
) -> None:
    status = installation.inside(service, "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert facts["Uid"].split() == ["10001"] * 4
    assert {int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert facts["NoNewPrivs"] == "1"


def test_no_secret_is_in_an_environment(installation: Composed) -> None:
    kept = [*installation.secrets.glob("*"), *installation.secrets.glob("keys/*")]
    texts = [path.read_text().strip() for path in kept if path.is_file()]
    environments = str([one["Config"] for one in installation.containers().values()])
    assert not [text for text in texts if text and text in environments]


REACHES = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
    print("reached")
except OSError:
    print("not reached")
"""


@pytest.mark.parametrize(
    ("service", "host", "port", "expected"),
    [
        ("sandbox", "postgres", 5432, "not reached"),
        ("gateway-ws", "postgres", 5432, "not reached"),
        ("sandbox", "demo-model", 3006, "not reached"),
        ("demo-model", "nats", 4222, "not reached"),
        ("sandbox", "nats", 4222, "reached"),
        ("api", "postgres", 5432, "reached"),
    ],
)
def test_services_reach_what_they_need_and_nothing_else(
    installation: Composed, service: str, host: str, port: int, expected: str
) -> None:
    said = installation.inside(
        service, "python", "-ISc", REACHES, host, str(port)
    ).strip()
    assert said == expected


def test_apps_are_kept_apart_by_bubblewrap(installation: Composed) -> None:
    ask = "import urllib.request as r; print(r.urlopen('{}').read().decode())"
    url = "http://127.0.0.1:3004/isolation"
    said = installation.inside("sandbox", "python", "-ISc", ask.format(url))
    assert '"name":"bubblewrap"' in said
    assert '"network":true' in said


async def test_what_was_killed_comes_back_and_goes_on(installation: Composed) -> None:
    victims = ("agent", "api", "gateway-ws", "sandbox", "nats", "postgres")
    before = installation.containers()
    for name in victims:
        os.kill(before[name]["State"]["Pid"], signal.SIGKILL)
    wait_until(
        lambda: all(_is_back(before[name], name, installation) for name in victims),
        "all are back",
        timeout_s=120,
    )
    async with person(cast("Stack", installation)) as ada:
        await build_app(ada)


def _is_back(before: dict[str, Any], name: str, installation: Composed) -> bool:
    state: dict[str, Any] = installation.containers()[name]["State"]
    is_new = state["StartedAt"] != before["State"]["StartedAt"]
    return is_new and bool(state["Health"]["Status"] == "healthy")


async def test_everything_is_there_after_down_and_up(installation: Composed) -> None:
    async with person(cast("Stack", installation)) as ada:
        project_id = await build_app(ada)
        installation.compose("down")
        installation.up()
        project = await ada.project_as(project_id, "complete")
        await ada.preview_until(str(project["previewUrl"]), "script.js")


async def test_a_dump_of_the_database_fills_an_empty_installation(
    installation: Composed,
) -> None:
    """By the commands of docs/operate.md."""
    async with person(cast("Stack", installation)) as ada:
        project_id = await build_app(ada)
        dump = installation.inside("postgres", "pg_dumpall", "-U", "atelier")
        installation.compose("down", "--volumes")
        installation.compose("up", "--detach", "--no-build", "--wait", "postgres")
        words = ("psql", "-qU", "atelier", "-d", "postgres")
        installation.inside("postgres", *words, given=dump)
        installation.up()
        project = await ada.project_as(project_id, "complete")
        await ada.preview_until(str(project["previewUrl"]), "script.js")
