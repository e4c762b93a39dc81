"""What was built is there after everything was stopped and started again."""

from tests.support.servers import server_folder
from tests.support.stack import Stack, person, recorded_files


async def test_a_second_start_finds_projects_files_and_previews() -> None:
    with (
        server_folder() as folder,
        Stack(
            folder, DEMO_CHARACTERS_PER_SECOND="0", SANDBOX_PAGE_CHECK="false"
        ) as stack,
    ):
        async with person(stack) as ada:
            project = await ada.create_project("a pomodoro timer")
            async with ada.socket(project) as socket:
                await socket.build()
            before = await ada.project_as(project, "complete")
            assert stack.stop() == 0
            stack.start()
            assert await ada.get(f"/api/projects/{project}") == before
            async with ada.socket(project, after=0) as again:
                await again.hear(lambda m: m.get("seq") == socket.last_seq())
            assert recorded_files(again.heard) == recorded_files(socket.heard)
            await ada.preview_until(before["previewUrl"], "Deep Focus")
