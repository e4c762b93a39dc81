"""Files, pictures and settings as people give them, and what the agent may do then."""

import base64
from hashlib import sha256

import pytest

from agent.domain import outcome
from agent.domain.content import digest
from agent.domain.project import PROJECT
from agent.domain.prompting.plan import PhasePlan, PlanInvalid, read_plan
from agent.domain.run import MAX_BARREN, DesignPhase, FailRun, next_effect
from agent.domain.run_state import Said
from agent.domain.views import file_contents, manifest, project_view
from contracts.project import (
    MAX_ASSET_BYTES,
    MAX_IMAGES_BYTES,
    DeleteFile,
    FileConflict,
    FileDeleted,
    FileWritten,
    Image,
    MessagePosted,
    PlannedFile,
    PostMessage,
    ProjectEvent,
    ProjectSettings,
    SaveFile,
    SettingsChanged,
    StartRun,
    StopRun,
    UpdateSettings,
)
from contracts.requests import SpendLimits, UsageTotals
from eventcore.errors import Rejected
from tests.support.given import given
from tests.unit.agent.examples import (
    COMPLETE,
    DONE,
    FILE_ID,
    IDLE,
    IMPLEMENT_CALLED,
    IMPLEMENTING,
    MESSAGE_ID,
    NEXT_RUN_ID,
    OTHER_FILE_ID,
    RUN_ID,
    History,
    by_owner,
    call_begun,
    design_effect,
    designed,
    implement_effect,
    ordered,
    project_after,
    saved,
    then,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "
ASSET = base64.b64encode(PNG).decode()
EFFECT = implement_effect(project_after(IMPLEMENTING))
LOCKED = SettingsChanged(ProjectSettings(locked_paths=["index.html", "src/"]))


def write(history: History, path: str, content: str = "agent's") -> list[ProjectEvent]:
    """Return what is recorded when the agent writes a file."""
    return outcome.file_written(project_after(history), EFFECT, FILE_ID, path, content)


# --- files --------------------------------------------------------------------------


def test_an_asset_is_measured_and_told_by_its_bytes() -> None:
    save = SaveFile(FILE_ID, "logo.png", ASSET, encoding="base64")
    project = project_after(ordered(IDLE, save))
    assert project.files["logo.png"].size == project.total_bytes == len(PNG)
    (listed,) = manifest(project).files
    assert (listed.size, listed.sha256) == (len(PNG), sha256(PNG).hexdigest())
    (content,) = file_contents(project, ["logo.png"])
    assert (content.content, content.encoding) == (ASSET, "base64")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_an_asset_has_four_mebibytes_at_most(more: int, fits: bool) -> None:  # noqa: FBT001 - an example
    content = base64.b64encode(bytes(MAX_ASSET_BYTES + more)).decode()
    order = by_owner(SaveFile(FILE_ID, "a.bin", content, encoding="base64"))
    if fits:
        assert given(PROJECT, *IDLE).when(order)
    else:
        with pytest.raises(Rejected, match="larger than 4096 KiB"):
            given(PROJECT, *IDLE).when(order)


def test_a_file_is_replaced_where_it_is_as_it_was_seen() -> None:
    history = ordered(IDLE, SaveFile(FILE_ID, "a.txt", "one"))
    seen = digest(project_after(history).files["a.txt"])
    save = SaveFile(OTHER_FILE_ID, "a.txt", "two", if_match=seen)
    assert given(PROJECT, *history).when(by_owner(save))
    with pytest.raises(Rejected) as error:
        given(PROJECT, *ordered(history, save)).when(by_owner(save))
    assert error.value.code == "conflict"


def test_a_new_file_can_insist_on_being_new() -> None:
    save = SaveFile(FILE_ID, "a.txt", "one", if_match="")
    assert given(PROJECT, *IDLE).when(by_owner(save))


def test_a_deleted_file_is_in_no_manifest() -> None:
    history = ordered(
        ordered(IDLE, SaveFile(FILE_ID, "a.txt", "1")), DeleteFile("a.txt")
    )
    assert history[-1] == FileDeleted(FILE_ID, "a.txt", author="user")
    project = project_after(history)
    assert (project.total_bytes, manifest(project).files) == (0, [])
    assert file_contents(project, ["a.txt"]) == []


# --- against the agent --------------------------------------------------------------


def test_what_a_person_edits_in_the_same_phase_is_kept_and_so_is_the_other() -> None:
    history = [*IMPLEMENT_CALLED, saved("index.html", "person's")]
    assert write(history, "index.html") == [
        FileConflict("index.html", "agent's", "edited", RUN_ID, 0)
    ]
    after = project_after([*history, *write(history, "index.html")])
    assert after.files["index.html"].content == "person's"
    assert after.run is not None
    assert [file.path for file in after.run.missing] == ["src/app.ts"]
    assert after.run.kept == ("index.html",)


def test_the_same_words_are_no_conflict() -> None:
    history = [*IMPLEMENT_CALLED, saved("index.html", "agent's")]
    (written,) = write(history, "index.html")
    assert isinstance(written, FileWritten)


def test_what_a_person_deletes_in_the_same_phase_stays_away() -> None:
    history = [*IMPLEMENT_CALLED, saved("index.html", "x")]
    history = ordered(history, DeleteFile("index.html"))
    (conflict,) = write(history, "index.html")
    assert isinstance(conflict, FileConflict)
    assert conflict.reason == "deleted"


def test_an_edit_before_the_phase_is_known_to_the_model_and_may_change() -> None:
    history = ordered([*IDLE, saved("index.html", "person's")], StartRun(RUN_ID))
    plan = PhasePlan("Board", "", [PlannedFile("index.html", "")], is_last_phase=True)
    history = call_begun(designed(history, plan))
    (written,) = write(history, "index.html")
    assert isinstance(written, FileWritten)


@pytest.mark.parametrize("path", ["index.html", "src/app.ts", "src/deep/one.ts"])
def test_locked_paths_are_kept_where_files_are_recorded(path: str) -> None:
    (conflict,) = write([*IMPLEMENT_CALLED, LOCKED], path)
    assert isinstance(conflict, FileConflict)
    assert conflict.reason == "locked"


def test_what_is_beside_a_locked_path_is_free() -> None:
    (written,) = write([*IMPLEMENT_CALLED, LOCKED], "index.htm")
    assert isinstance(written, FileWritten)


def test_a_person_may_change_what_is_locked() -> None:
    save = SaveFile(FILE_ID, "index.html", "mine")
    assert given(PROJECT, *IDLE, LOCKED).when(by_owner(save))


def test_a_plan_for_a_locked_file_is_refused_with_the_reason() -> None:
    answer = (
        b'{"name": "A", "description": "", "isLastPhase": true,'
        b' "files": [{"path": "src/a.ts", "purpose": ""}]}'
    )
    project = project_after([*ordered(IDLE, StartRun(RUN_ID)), LOCKED])
    with pytest.raises(PlanInvalid, match=r"locked src/a\.ts"):
        read_plan(answer.decode(), project)


def test_locks_are_canonical() -> None:
    settings = ProjectSettings(locked_paths=["./a//b.ts", "a/b.ts", "c/"])
    (changed,) = given(PROJECT, *IDLE).when(by_owner(UpdateSettings(settings)))
    assert isinstance(changed, SettingsChanged)
    assert changed.settings.locked_paths == ["a/b.ts", "c/"]


# --- settings and spend -------------------------------------------------------------


def test_settings_reach_the_sandbox_and_whoever_asks() -> None:
    settings = ProjectSettings(variables={"API_URL": ""}, write_models=["a/b"])
    project = project_after(ordered(IDLE, UpdateSettings(settings)))
    assert manifest(project).variables == {"API_URL": ""}
    assert project_view(RUN_ID, project).settings == settings


def test_usage_of_all_calls_adds_up() -> None:
    usage = project_view(RUN_ID, project_after(DONE)).usage
    assert usage == UsageTotals(2, 20, 10, pytest.approx(0.2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (SpendLimits(run_usd=0.1), "This run has used $0.10 and its limit is $0.10"),
        (SpendLimits(project_usd=0.05), "This project has used $0.10"),
        (SpendLimits(run_tokens=15), "This run has used 15 tokens"),
    ],
)
def test_no_call_is_made_beyond_a_limit(limits: SpendLimits, told: str) -> None:
    effect = next_effect(project_after(IMPLEMENTING), limits)
    assert isinstance(effect, FailRun)
    assert effect.message.startswith(told)


def test_a_projects_own_limit_counts_before_the_installations() -> None:
    settings = SettingsChanged(ProjectSettings(max_run_cost_usd=5.0))
    project = project_after([*IMPLEMENTING, settings])
    assert not isinstance(next_effect(project, SpendLimits(run_usd=0.1)), FailRun)


def test_the_most_of_the_installation_bounds_every_project() -> None:
    settings = SettingsChanged(ProjectSettings(max_run_cost_usd=5.0))
    most = SpendLimits(max_run_usd=0.1)
    for history in (IMPLEMENTING, [*IMPLEMENTING, settings]):
        assert isinstance(next_effect(project_after(history), most), FailRun)


# --- pictures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [Image("image/png", PNG), Image("image/jpeg", JPEG), Image("image/webp", WEBP)],
)
def test_pictures_come_with_a_message_and_reach_the_run(image: Image) -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "like this", [image])
    history = ordered(IDLE, message)
    assert MessagePosted(MESSAGE_ID, "like this", [image]) in history
    run = project_after(history).run
    assert run is not None
    assert (run.images, run.is_asked) == ((image,), True)


@pytest.mark.parametrize(
    "images",
    [
        [Image("image/png", JPEG)],
        [Image("image/webp", b"RIFF")],
        [Image("image/jpeg", b"<svg/>")],
        [Image("image/png", PNG + bytes(MAX_IMAGES_BYTES))],
        [Image("image/png", PNG + bytes(MAX_IMAGES_BYTES // 2))] * 2,
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(images: list[Image]) -> None:
    message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "like this", images)
    with pytest.raises(Rejected) as error:
        given(PROJECT, *IDLE).when(by_owner(message))
    assert error.value.code == "invalid_message_data"


def test_only_the_newest_pictures_are_kept_in_memory() -> None:
    large = Image("image/png", PNG + bytes(MAX_IMAGES_BYTES // 2))
    history = ordered(IDLE, StartRun(RUN_ID))
    for _ in range(3):
        message = PostMessage(MESSAGE_ID, NEXT_RUN_ID, "this", [large])
        history = ordered(history, message)
    run = project_after(history).run
    assert run is not None
    assert run.messages == (Said("this"), Said("this"), Said("this", (large,)))


def test_a_stopped_run_leaves_its_messages_and_pictures_to_the_next() -> None:
    image = Image("image/png", PNG)
    history = ordered(IDLE, StartRun(RUN_ID))
    history = ordered(history, PostMessage(MESSAGE_ID, NEXT_RUN_ID, "this", [image]))
    history = ordered(ordered(history, StopRun()), StartRun(NEXT_RUN_ID))
    run = project_after(history).run
    assert run is not None
    assert run.unseen == (Said("this", (image,)),)


def test_an_answer_is_progress_whatever_else_is_said_meanwhile() -> None:
    history = ordered(IDLE, PostMessage(MESSAGE_ID, RUN_ID, "What is it?"))
    answer = PhasePlan("Answer", "", [], is_last_phase=True, reply="A board.")
    for number in range(MAX_BARREN + 1):
        effect = design_effect(project_after(history))
        said = PostMessage(MESSAGE_ID, NEXT_RUN_ID, f"And then {number}?")
        history = ordered(call_begun(history), said)
        history = then(
            history,
            lambda now, effect=effect: outcome.phase_designed(  # type: ignore[misc] # bound now
                now, effect, COMPLETE, answer, MESSAGE_ID
            ),
        )
    run = project_after(history).run
    assert run is not None
    assert (run.barren, run.last_error, run.unseen) == (0, None, run.messages[-1:])
    assert isinstance(next_effect(project_after(history)), DesignPhase)
