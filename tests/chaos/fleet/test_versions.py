"""Two versions of every service at once: a rolling upgrade, and the way back."""

import asyncio
from functools import partial

import pytest

from standalone.migrate import MIGRATIONS, migrate
from tests.chaos.fleet.fleet import Fleet, Visitor, built, surroundings
from tests.e2e.test_upgrade import check_handed_on
from tests.support.previous import Version, previous_version

ORDER = ("agent", "sandbox", "api", "gateway_ws")
"""In which docs/operate.md says to replace them."""
LOAD = 4


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return previous_version(tmp_path_factory.mktemp("previous"))


async def check_seen(fleet: Fleet, visitors: list[Visitor]) -> None:
    """Check that whoever is asked shows the same, for all that both know."""
    for one in visitors:
        (project, files), *others = [
            await one.shown(number) for number in range(len(fleet.servers["api"]))
        ]
        for other, other_files in others:
            assert {key: other[key] for key in project if key in other} == {
                key: project[key] for key in project if key in other
            }
            assert other_files == files
        for number in range(len(fleet.servers["sandbox"])):
            await one.visit(project["previewUrl"], number)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("direction", ["upgrade", "rollback"])
async def test_each_service_is_replaced_by_another_version_under_load(
    previous: Version, direction: str
) -> None:
    """Tables go first, then one service after the other; nothing is lost."""
    order = [previous.environment, {}]
    leaving, coming = order if direction == "upgrade" else order[::-1]
    migrations = previous.folder / "migrations"
    async with surroundings(migrations) as fleet:
        if direction == "rollback":
            await migrate(fleet.dsn, MIGRATIONS)
        for kind in ORDER:
            fleet.start(kind, **leaving)
        visitors = await built(fleet, LOAD)
        await migrate(fleet.dsn, MIGRATIONS)
        for kind in ORDER:
            fleet.start(kind, **coming)
            visitors += await built(fleet, LOAD)  # with both
            await check_seen(fleet, visitors[-LOAD:])
            leave = partial(asyncio.to_thread, fleet.leave, kind)
            visitors += await built(fleet, LOAD, leave)
            await check_seen(fleet, visitors[-LOAD:])
        await check_seen(fleet, visitors)


async def test_an_earlier_version_goes_on_with_an_installation_of_this_one(
    previous: Version,
) -> None:
    """Its tables are the later ones, which stay."""
    await check_handed_on({}, previous.environment)
