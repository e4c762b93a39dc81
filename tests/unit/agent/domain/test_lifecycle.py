"""Projects of any history: runs, people and dying workers in any order.

The machine plays the driver, the model, the sandbox and the person. Whatever they do,
the state moves only as the contract allows, and every run comes to one end.
"""

from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.application.operating import recorded
from agent.domain import outcome
from agent.domain.changes import is_locked
from agent.domain.estimate import Counted
from agent.domain.outcome import CallEnd
from agent.domain.project import PROJECT
from agent.domain.prompting.plan import PhasePlan
from agent.domain.run import (
    MAX_REPAIRS,
    CloseCall,
    CompleteRun,
    DesignPhase,
    Effect,
    FailRun,
    FinishPhase,
    ImplementPhase,
    InstallPackages,
    ModelEffect,
    Note,
    SandboxEffect,
    StartApp,
    SyncSandbox,
    next_effect,
)
from agent.domain.state import Project
from contracts.project import (
    AssistantReplied,
    DeleteFile,
    FileConflict,
    FileWritten,
    Image,
    ModelCallEnded,
    ModelCallStarted,
    PlannedFile,
    PostMessage,
    Problem,
    ProblemsReported,
    ProjectCommand,
    ProjectEvent,
    ProjectSettings,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunState,
    RunStopped,
    SaveFile,
    StartRun,
    StateChanged,
    StopRun,
    UpdateSettings,
)
from contracts.sandbox import Failed, Installed, Running, SandboxAnswer, Synced
from eventcore.errors import Rejected
from tests.unit.agent.examples import CREATED, URL, by_owner

IDLE, DESIGNING, IMPLEMENTING, INSTALL, START, COMPLETE, ERROR = RunState
RUNNING = {DESIGNING, IMPLEMENTING, INSTALL, START}
LEGAL: dict[RunState, set[RunState]] = {
    IDLE: {DESIGNING},
    DESIGNING: {IMPLEMENTING, IDLE, ERROR},
    IMPLEMENTING: {DESIGNING, INSTALL, COMPLETE, IDLE, ERROR},
    INSTALL: {START, DESIGNING, IDLE, ERROR},
    START: {COMPLETE, DESIGNING, IDLE, ERROR},
    COMPLETE: {DESIGNING},
    ERROR: {DESIGNING},
}
"""The transitions of the public contract; a repair is a next phase."""

MAX_STEPS = 500
"""More than any run can take that nobody adds to."""

Outcome: TypeAlias = Callable[[Project], list[ProjectEvent]]

paths = st.sampled_from(["index.html", "src/app.ts", "package.json", "README.md"])
plans = st.builds(
    PhasePlan,
    name=st.just("Phase"),
    description=st.just("Something."),
    files=st.lists(
        st.builds(PlannedFile, path=paths, purpose=st.just("")),
        unique_by=lambda file: file.path,
    ),
    is_last_phase=st.booleans(),
    reply=st.sampled_from([None, None, "It is so."]),
)
PROBLEMS = [[Problem("compile", f"Error {name}")] for name in "abcde"]
ends = st.builds(
    CallEnd,
    outcome=st.sampled_from(["complete", "complete", "length", "cut", "failed"]),
    model=st.just("fake/model"),
    hopeless=st.integers(0, 9).map(lambda number: number == 0),
    suspect=st.sampled_from([None, "pictures", "anything"]),
    certain=st.booleans(),
)
PROMPT_TOKENS = 100
PICTURE = Image("image/png", b"\x89PNG\r\n\x1a\n")
COMPLETELY = CallEnd("complete", "fake/model")


def model_outcome(
    effect: ModelEffect, end: CallEnd, plan: PhasePlan, reply_id: UUID, *, works: bool
) -> Outcome:
    if isinstance(effect, ImplementPhase) or end.outcome != "complete":
        return lambda now: outcome.call_ended(now, effect, end)
    if works:
        return lambda now: outcome.phase_designed(now, effect, end, plan, reply_id)
    return lambda now: outcome.plan_refused(now, effect, end, "No.")


def sandbox_outcome(
    effect: SandboxEffect, problems: list[Problem], *, works: bool
) -> Outcome:
    answers: dict[type, SandboxAnswer] = {
        SyncSandbox: Synced(1, 1),
        InstallPackages: Installed("", skipped=False),
        StartApp: Running(URL, "box"),
    }
    answer = answers[type(effect)] if works else Failed("No.", problems=problems)
    found = problems if works else []
    return lambda now: recorded(now, effect, answer, found)


def note_outcome(effect: Note, new_id: UUID) -> Outcome:
    run_id = effect.run_id
    match effect:
        case CloseCall():
            return lambda now: outcome.call_interrupted(now, run_id)
        case FinishPhase():
            return lambda now: outcome.phase_finished(now, run_id)
        case CompleteRun():
            return lambda now: outcome.run_completed(now, run_id, new_id)
        case FailRun(_, message):
            return lambda now: outcome.failed(now, run_id, message)


class Lifecycle(RuleBasedStateMachine):
    """One project; `effect` is what a driver is busy with."""

    def __init__(self) -> None:
        super().__init__()
        self.project = Project()
        self.effect: Effect | None = None
        self.ids = 0
        self.runs: dict[UUID, int] = {}
        self.calls = 0
        self.open_calls = 0
        self.has_replied = False
        self.append([CREATED])

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    def append(self, events: list[ProjectEvent]) -> None:
        for event in events:
            before = self.project
            self.project = PROJECT.evolve(before, event)
            self.check(before, event)
            self.count(event)

    def check(self, before: Project, event: ProjectEvent) -> None:
        run = before.run
        match event:
            case StateChanged(state):
                assert state in LEGAL[before.state], f"{before.state} -> {state}"
            case RunCompleted():
                assert run is not None
                planned = sum(not phase.problems for phase in run.phases)
                is_done = run.phases and run.phases[-1].is_last
                assert is_done or planned >= run.max_phases or self.has_replied
            case FileConflict(path, content):
                kept = before.files.get(path)
                assert kept is None or kept.content != content
            case FileWritten(path=path, author="agent"):
                assert not is_locked(before.settings, path)
                assert run is None or path not in run.touched
            case ProblemsReported():
                assert run is not None
                assert run.repairs <= MAX_REPAIRS
            case _:
                pass

    def count(self, event: ProjectEvent) -> None:
        match event:
            case RunStarted(run_id):
                self.runs[run_id] = 0
            case RunCompleted(run_id) | RunFailed(run_id) | RunStopped(run_id):
                self.runs[run_id] += 1
            case AssistantReplied():
                self.has_replied = True
            case ModelCallStarted():
                self.calls += 1
                self.open_calls += 1
            case ModelCallEnded():
                self.open_calls -= 1
            case _:
                pass

    def record(self, record: Outcome) -> None:
        self.append(record(self.project))

    def order(self, command: ProjectCommand) -> None:
        try:
            self.append(PROJECT.decide(self.project, by_owner(command)))
        except Rejected as rejection:
            is_expected = rejection.code.startswith("generation_")
            assert is_expected or isinstance(command, DeleteFile | SaveFile)

    # --- the person -----------------------------------------------------------------

    @precondition(lambda self: self.project.run is None)
    @rule(max_phases=st.sampled_from([None, 1, 3]))
    def start(self, max_phases: int | None) -> None:
        self.order(StartRun(self.new_id(), max_phases=max_phases))

    @rule(speaks=st.integers(0, 5))
    def say(self, speaks: int) -> None:
        if speaks <= 1:
            images = [PICTURE] * speaks
            self.order(PostMessage(self.new_id(), self.new_id(), "more", images))

    @rule(path=paths, content=st.text(max_size=5))
    def save(self, path: str, content: str) -> None:
        self.order(SaveFile(self.new_id(), path, content))

    @rule(path=paths, seen=st.sampled_from([None, "", "0" * 64]))
    def save_what_was_seen(self, path: str, seen: str | None) -> None:
        self.order(SaveFile(self.new_id(), path, "seen", if_match=seen))

    @rule(path=paths)
    def delete(self, path: str) -> None:
        self.order(DeleteFile(path))

    @rule(locked=st.lists(paths, max_size=1))
    def lock(self, locked: list[str]) -> None:
        self.order(UpdateSettings(ProjectSettings(locked_paths=locked)))

    @rule(in_earnest=st.integers(0, 5), again=st.booleans())
    def stop(self, in_earnest: int, again: bool) -> None:  # noqa: FBT001 - drawn
        if in_earnest == 0:
            self.order(StopRun())
        if again:
            self.order(StartRun(self.new_id()))

    # --- the driver -----------------------------------------------------------------

    @precondition(lambda self: self.effect is None and self.project.run is not None)
    @rule()
    def take_up(self) -> None:
        self.effect = next_effect(self.project)
        effect = self.effect
        if isinstance(effect, DesignPhase | ImplementPhase):
            self.record(
                lambda now: outcome.call_started(
                    now, effect, "fake/model", prompt_tokens=PROMPT_TOKENS
                )
            )

    @precondition(lambda self: self.effect is not None)
    @rule()
    def die(self) -> None:
        self.effect = None

    @precondition(lambda self: isinstance(self.effect, DesignPhase | ImplementPhase))
    @rule(chars=st.integers(0, 100))
    def settle(self, chars: int) -> None:
        """Count a call as a driver does that finds its run over."""
        effect, before = self.effect, self.project.usage
        assert isinstance(effect, DesignPhase | ImplementPhase)
        if self.project.run is None or self.project.run.id != effect.run_id:
            counted = Counted(PROMPT_TOKENS, chars)
            for _ in range(2):
                self.record(lambda now: outcome.call_counted(now, effect, counted))
            self.effect = None
        assert self.project.usage.calls == before.calls
        assert self.project.usage.completion_tokens <= before.completion_tokens + 25

    @precondition(lambda self: isinstance(self.effect, ImplementPhase))
    @rule(extra=paths, planned=st.booleans())
    def write_a_file(self, extra: str, planned: bool) -> None:  # noqa: FBT001 - drawn
        effect, file_id = self.effect, self.new_id()
        assert isinstance(effect, ImplementPhase)
        run = self.project.run
        missing = run.missing if run and planned else ()
        path = missing[-1].path if missing else extra
        self.record(
            lambda now: outcome.file_written(now, effect, file_id, path, str(file_id))
        )

    @precondition(lambda self: self.project.run is not None)
    @rule(end=ends, plan=plans)
    def perform(self, end: CallEnd, plan: PhasePlan) -> None:
        """Do without interruption what comes next."""
        self.effect = None
        self.take_up()
        effect = self.effect
        if isinstance(effect, ImplementPhase):
            for _ in effect.missing:
                self.write_a_file(extra="README.md", planned=True)
        self.finish(end, plan, works=True, problems=[])

    @precondition(lambda self: self.effect is not None)
    @rule(
        end=ends,
        plan=plans,
        works=st.booleans(),
        problems=st.sampled_from([[], *PROBLEMS]),
    )
    def finish(
        self,
        end: CallEnd,
        plan: PhasePlan,
        works: bool,  # noqa: FBT001 - drawn
        problems: list[Problem],
    ) -> None:
        effect, self.effect = self.effect, None
        assert effect is not None
        self.record(self.outcome_of(effect, end, plan, problems, works=works))

    def outcome_of(
        self,
        effect: Effect,
        end: CallEnd,
        plan: PhasePlan,
        problems: list[Problem],
        *,
        works: bool,
    ) -> Outcome:
        if isinstance(effect, DesignPhase | ImplementPhase):
            return model_outcome(effect, end, plan, self.new_id(), works=works)
        if isinstance(effect, SyncSandbox | InstallPackages | StartApp):
            return sandbox_outcome(effect, problems, works=works)
        return note_outcome(effect, self.new_id())

    # --- what always holds ----------------------------------------------------------

    @invariant()
    def a_run_is_under_way_exactly_while_the_state_says_so(self) -> None:
        running = self.project.state in RUNNING
        assert (self.project.run is not None) == running
        assert (next_effect(self.project) is not None) == running

    @invariant()
    def every_run_but_the_one_under_way_has_one_end(self) -> None:
        open_runs = {run_id for run_id, ends in self.runs.items() if ends == 0}
        assert open_runs == ({self.project.run.id} if self.project.run else set())
        assert all(ends <= 1 for ends in self.runs.values())

    @invariant()
    def every_call_but_the_one_under_way_has_one_end(self) -> None:
        calling = self.project.run is not None and self.project.run.call is not None
        assert self.open_calls == int(calling)

    @invariant()
    def every_call_that_ended_is_counted_once(self) -> None:
        calling = self.project.run is not None and self.project.run.call is not None
        assert self.project.usage.calls == self.calls - int(calling)

    @invariant()
    def sizes_add_up(self) -> None:
        sizes = [len(file.content.encode()) for file in self.project.files.values()]
        assert self.project.total_bytes == sum(sizes)

    @invariant()
    def a_snapshot_is_the_state(self) -> None:
        stored = msgspec.msgpack.encode(self.project)
        assert msgspec.msgpack.decode(stored, type=Project) == self.project

    def teardown(self) -> None:
        """Left alone, with a model that brings nothing, a run comes to its end."""
        plan = PhasePlan("Phase", "", [], is_last_phase=False)
        for _ in range(MAX_STEPS):
            effect = next_effect(self.project)
            if effect is None:
                return
            self.effect = None
            self.take_up()
            self.record(self.outcome_of(effect, COMPLETELY, plan, [], works=True))
        raise AssertionError("the run does not end")


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(
    max_examples=40, stateful_step_count=80, deadline=None
)
