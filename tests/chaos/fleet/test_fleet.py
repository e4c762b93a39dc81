"""Nothing is lost when any process of a fleet dies under load; and what it costs."""

import asyncio
import os
import sys
import time

import pytest

from tests.chaos.fleet.fleet import FILES, SLOTS, Fleet, built, fleet
from tests.support.servers import Server

LOAD = 6
"""People who have an app built at a time."""
DOWN_S = 1.0
SOAK_S = float(os.environ.get("SOAK_S", "0"))


def tell(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}")
        sys.stdout.flush()


async def back(server: Server) -> float:
    """Start a server that was killed; return the seconds until it answers."""
    begun = time.monotonic()
    server.launch()  # in this thread: a process dies with the one that made it
    while not await asyncio.to_thread(server.is_ready):
        assert time.monotonic() - begun < 60, server.log.read_text()[-2000:]
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def round_of(started: Fleet, victim: Server | None) -> tuple[float, float, float]:
    """Have apps built and *victim* killed; return duration, silence and its return."""
    returned_s = 0.0

    async def dies() -> None:
        nonlocal returned_s
        assert victim is not None
        victim.kill()
        await asyncio.sleep(DOWN_S)
        returned_s = await back(victim)

    visitors = await built(started, LOAD, dies if victim is not None else None)
    took_s = max(one.took_s for one in visitors)
    return took_s, max(one.longest_silence_s for one in visitors), returned_s


@pytest.mark.timeout(900)
async def test_every_process_may_die_under_load_and_nothing_is_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with fleet() as started:
        await round_of(started, None)
        calm_s, silence_s, _ = await round_of(started, None)
        tell(f"nobody: {calm_s:.1f} s, longest silence {silence_s:.1f} s", capsys)
        for kind, servers in started.servers.items():
            for number, victim in enumerate(servers):
                took_s, silence_s, back_s = await round_of(started, victim)
                tell(
                    f"{kind} {number}: {took_s:.1f} s ({took_s / calm_s:.2f} of calm), "
                    f"longest silence {silence_s:.1f} s, back after {back_s:.1f} s",
                    capsys,
                )


@pytest.mark.timeout(900)
async def test_a_database_that_fails_over_loses_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with fleet(with_standby=True) as started:
        primary, standby = started.primary, started.standby
        assert primary is not None
        assert standby is not None

        async def fails_over() -> None:
            primary.kill()
            await asyncio.sleep(DOWN_S)
            await asyncio.to_thread(standby.promote)

        await round_of(started, None)
        before = await built(started, LOAD, fails_over)
        after = await built(started, LOAD)
        silence_s = max(one.longest_silence_s for one in before)
        took_s = max(one.took_s for one in before)
        tell(f"failover: {took_s:.1f} s, longest silence {silence_s:.1f} s", capsys)
        for number, one in enumerate((*before, *after)):
            project, files = await one.shown(number)
            assert {file["path"]: file["content"] for file in files} == FILES
            assert project["status"] == "complete"


@pytest.mark.timeout(900)
async def test_more_agents_finish_more_runs(capsys: pytest.CaptureFixture[str]) -> None:
    rates = []
    for agents in (1, 2, 3):
        async with fleet(agents=agents) as started:
            await round_of(started, None)
            took = [(await round_of(started, None))[0] for _ in range(3)]
            rates.append(60 * LOAD / min(took))
            tell(f"{agents} agents of {SLOTS}: {rates[-1]:.0f} runs a minute", capsys)
    assert rates == sorted(rates)


@pytest.mark.skipif(not SOAK_S, reason="`make soak` says how long it lasts")
@pytest.mark.timeout(SOAK_S + 900)
async def test_a_fleet_lives_with_deaths(capsys: pytest.CaptureFixture[str]) -> None:
    deaths = 0
    async with fleet() as started:
        until = time.monotonic() + SOAK_S
        victims = [one for servers in started.servers.values() for one in servers]
        while time.monotonic() < until:
            await round_of(started, victims[deaths % len(victims)])
            deaths += 1
    tell(f"{deaths} deaths, {LOAD * deaths} runs, nothing lost", capsys)
