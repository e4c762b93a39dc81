"""Three nats-servers by compose: any one of them may be away."""

import json
from typing import cast

from tests.deploy.composed import Composed, composed
from tests.deploy.test_compose import build_app
from tests.support.servers import server_folder
from tests.support.stack import Stack, person

SERVERS = ("nats", "nats-2", "nats-3")


def replicas(installation: Composed) -> int:
    """Return how many servers hold the stream of events."""
    url = "http://127.0.0.1:8222/jsz?streams=true&config=true&accounts=true"
    told = json.loads(installation.inside("nats-2", "wget", "-qO-", url))
    accounts = {one["name"]: one for one in told["account_details"]}
    (stream,) = accounts["APP"]["stream_detail"]
    return int(stream["config"]["num_replicas"])


async def test_a_run_goes_on_while_any_one_server_is_away(engine: str) -> None:
    settings = {
        "COMPOSE_PROFILES": "demo,cluster",
        "NATS": "cluster",
        "STREAM_REPLICAS": "3",
        "NATS_SERVERS": " ".join(f"{name}:4222" for name in SERVERS),
    }
    with (
        server_folder() as folder,
        composed(folder, engine, **settings) as installation,
    ):
        async with person(cast("Stack", installation)) as ada:
            await build_app(ada)
            assert replicas(installation) == len(SERVERS)
            for server in SERVERS:
                installation.compose("stop", server)
                await build_app(ada)
                installation.compose("up", "--detach", "--wait", "--no-build", server)
