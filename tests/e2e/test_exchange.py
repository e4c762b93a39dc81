"""What comes of a run beside the app: its history, its cost, an app with a secret."""

import io

from dulwich.bundle import read_bundle
from dulwich.repo import MemoryRepo

from tests.support.stack import Person

HUSH = "sk-0123456789-hush"


async def commits_of(ada: Person, project: str) -> list[tuple[str, str]]:
    """Return author and title of each commit, the oldest first."""
    answer = await ada.http.get(f"/api/projects/{project}/export/git")
    repo = MemoryRepo()
    with read_bundle(io.BytesIO(answer.content)) as bundle:
        bundle.store_objects(repo.object_store)
        walker = repo.get_walker(include=list(set(bundle.references.values())))
    found = [entry.commit for entry in walker]
    return [
        (one.author.decode().partition(" <")[0], one.message.decode().splitlines()[0])
        for one in reversed(found)
    ]


async def test_a_run_is_told_by_its_commits_and_by_its_cost(ada: Person) -> None:
    project = await ada.create_project("an expense tracker")
    # Files come to the sandbox only once it has the values from the api.
    secret = f"/api/projects/{project}/variables/API_KEY"
    (await ada.http.put(secret, json={"value": HUSH})).raise_for_status()
    async with ada.socket(project, after=0) as socket:
        await socket.build()
    await ada.project_as(project, "complete")
    phases = [m["data"]["name"] for m in socket.heard if m["type"] == "phase_end"]
    file = {"path": "notes.txt", "content": "mine"}
    await ada.http.put(f"/api/project-files/{project}", json=file)
    commits = await commits_of(ada, project)
    assert commits[1:-1] == [("Atelier", name) for name in phases]
    assert commits[0][1].startswith("Begin ")
    assert commits[-1][1] == "Add notes.txt"
    assert HUSH not in str(socket.heard)
    usage = await ada.get(f"/api/projects/{project}/usage")
    assert usage["total"]["calls"] == 2 * len(phases)
    assert usage["total"]["completionTokens"] > 0
    assert usage == await ada.get("/api/usage")


async def test_the_models_of_the_provider_can_be_chosen(ada: Person) -> None:
    listed = await ada.get("/api/models")
    names = [model["id"] for model in listed["models"]]
    assert set(listed["writeModels"] + listed["designModels"]) <= set(names)
