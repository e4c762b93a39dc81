"""How apps look, whoever has checked them, whichever controller is asked."""

from uuid import uuid4

from eventcore.adapters.nats import open_bus
from sandbox.adapters.bus.pictures import open_pictures
from tests.integration.sandbox.stage import Stage
from tests.integration.sandbox.test_problems import screenshot
from tests.support.polling import until

JPEG = b"\xff\xd8\xff" + bytes(1000) + b"\xff\xd9"


async def test_whoever_is_asked_shows_what_another_has_seen(world: Stage) -> None:
    project = world.add({})
    async with open_bus(world.server.nats_url, user="sandbox") as bus:
        pictures = await open_pictures(bus, 1)
        await pictures.keep(project, b"the one before")
        await pictures.keep(project, JPEG)
    assert [await screenshot(world, project) for _ in range(8)] == [JPEG] * 8
    assert await screenshot(world, uuid4()) is None


async def test_a_picture_ends_with_its_project_whoever_has_drawn_it(
    world: Stage,
) -> None:
    project = world.add({})
    async with open_bus(world.server.nats_url, user="sandbox") as bus:
        pictures = await open_pictures(bus, 1)
        await pictures.keep(project, JPEG)
        await world.delete(project)

        async def is_gone() -> bool:
            return await pictures.find(project) is None

        await until(is_gone, "nobody has a picture of it")
    assert await screenshot(world, project) is None


async def test_a_picture_that_is_too_large_is_left_out(world: Stage) -> None:
    project = world.add({})
    async with open_bus(world.server.nats_url, user="sandbox") as bus:
        pictures = await open_pictures(bus, 1)
        await pictures.keep(project, bytes(300_000))
        assert await pictures.find(project) is None
