"""Whoever comes back has missed nothing and hears nothing twice, whatever happened."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.integration.gateway_ws.guests import Guest, Host, seqs
from tests.support.backend import Backend

if TYPE_CHECKING:
    from tests.support.stack import Message

CATCH_UP_S = 60.0


class Wanderer:
    """A client that comes and goes, at any gateway that is there."""

    def __init__(self, guest: Guest, hosts: Sequence[Host], chance: int) -> None:
        self.heard: list[Message] = []
        self.visits = 0
        self._guest = guest
        self._hosts = hosts
        self._chance = random.Random(chance)  # noqa: S311 - the same way each time

    async def wander(self, last: "asyncio.Future[int]") -> None:
        """Come and go until the event *last* was heard."""
        async with asyncio.timeout(CATCH_UP_S):
            while not (last.done() and self._after >= last.result()):
                with contextlib.suppress(
                    ConnectionClosed, InvalidHandshake, OSError, TimeoutError
                ):
                    await self._visit()

    @property
    def _after(self) -> int:
        return self.heard[-1]["seq"] if self.heard else 0

    async def _visit(self) -> None:
        host = self._chance.choice(self._hosts)
        stay_s = self._chance.uniform(0, 0.3)
        async with self._guest.socket(host, self._after) as socket:
            self.visits += 1
            try:
                await socket.hear(lambda _: False, timeout_s=stay_s)
            finally:
                self.heard += socket.recorded()


async def change(guest: Guest, times: int) -> int:
    """Have things happen to the project; return the seq of the last one."""
    chance = random.Random(times)  # noqa: S311 - the same each time
    for number in range(times):
        if number % 4 == 0:
            await guest.write("a.txt", "x" * chance.randrange(40_000))
        else:
            await guest.rename(f"name {number}")
        await asyncio.sleep(chance.uniform(0, 0.02))
    return 1 + times


async def wander_while(
    guest: Guest, hosts: Sequence[Host], times: int
) -> list[Wanderer]:
    """Have four clients come and go while the project changes *times* times."""
    wanderers = [Wanderer(guest, hosts, chance) for chance in range(4)]
    last = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        for wanderer in wanderers:
            tasks.create_task(wanderer.wander(last))
        last.set_result(await change(guest, times))
    return wanderers


async def test_whoever_comes_and_goes_between_two_gateways_hears_everything_once(
    ada: Guest, host: Host, replica: Host
) -> None:
    for wanderer in await wander_while(ada, [host, replica], 120):
        assert wanderer.visits > 3
        assert seqs(wanderer.heard) == list(range(1, 122))


async def test_a_gateway_that_is_killed_costs_its_clients_nothing(
    ada: Guest, host: Host, replica: Host
) -> None:
    async with ada.socket(host, after=0) as left, ada.socket(replica, after=0) as stays:
        async with asyncio.TaskGroup() as tasks:
            wandering = tasks.create_task(wander_while(ada, [host, replica], 80))
            for _ in range(2):
                await asyncio.sleep(0.5)
                await asyncio.to_thread(host.kill)
                await host.begin()
        await stays.hear(lambda message: message.get("seq") == 81)
        with pytest.raises(ConnectionClosed):
            await left.hear(lambda _: False)
    for wanderer in wandering.result():
        assert seqs(wanderer.heard) == list(range(1, 82))
    assert seqs(stays.heard) == list(range(1, 82))


async def test_a_bus_that_is_away_for_a_while_costs_nobody_anything(
    ada: Guest, own_backend: Backend, host: Host
) -> None:
    async with ada.socket(host, after=0) as stays:
        await stays.hear(lambda message: message.get("seq") == 1)
        for number in range(3):
            await asyncio.to_thread(own_backend.nats.kill)
            await asyncio.sleep(0.2)
            await own_backend.nats.begin()
            await until_done(ada, f"after {number}")
        await stays.hear(lambda message: message.get("seq") == 4)
    assert seqs(stays.heard) == [1, 2, 3, 4]


async def until_done(guest: Guest, name: str) -> None:
    """Rename the project as soon as its services have found each other again."""
    async with asyncio.timeout(CATCH_UP_S):
        while True:
            answer = await guest.http.patch(
                f"/api/projects/{guest.project}", json={"name": name}
            )
            if answer.is_success:
                return
            await asyncio.sleep(0.1)


async def test_all_history_comes_in_pages_of_any_size(ada: Guest, host: Host) -> None:
    for number in range(3):
        await ada.write(f"{number}.txt", "x" * 900_000)
    for number in range(230):
        await ada.rename(f"name {number}")
    async with ada.socket(host, after=0) as socket:
        await socket.hear(lambda message: message.get("seq") == 234)
    assert seqs(socket.heard) == list(range(1, 235))


@pytest.mark.parametrize(
    "after", ["", "-1", "x", "1.5", "9" * 5000, "2", "0" * 12 + "2"]
)
async def test_an_odd_after_tells_nothing_twice(
    ada: Guest, host: Host, after: str
) -> None:
    await ada.rename("second")
    asked = f"?after={after}"
    ada.project += asked  # as part of the address
    async with ada.socket(host) as socket:
        ada.project = ada.project.removesuffix(asked)
        await socket.hear("agent_connected")
        await ada.rename("third")
        await socket.hear(lambda message: message.get("seq") == 3)
    assert seqs(socket.heard) == [3]


async def test_the_state_and_what_follows_its_version_lose_nothing(
    ada: Guest, host: Host
) -> None:
    async with ada.socket(host) as socket:
        await socket.say("get_state")
        state = await socket.hear("state_update")
    await ada.rename("meanwhile")
    async with ada.socket(host, after=state["data"]["version"]) as socket:
        heard = await socket.hear(lambda message: "seq" in message)
    assert (state["data"]["version"], heard["seq"]) == (1, 2)
