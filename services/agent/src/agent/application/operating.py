"""One operation of the sandbox: asked for again until it is over."""

import asyncio
from collections.abc import Sequence
from typing import assert_never

import msgspec
from msgspec import Struct

from agent.application.run_log import RunLog
from agent.domain import outcome
from agent.domain.manifest import must_install
from agent.domain.problems import from_failure
from agent.domain.run import InstallPackages, SandboxEffect, StartApp, SyncSandbox
from agent.domain.state import Project
from agent.ports import Sandbox
from chassis import tracing
from contracts.project import Problem, ProjectEvent, RunState
from contracts.sandbox import (
    CancelOperation,
    CheckApp,
    Failed,
    InstallDependencies,
    Installed,
    Pending,
    Problems,
    Running,
    SandboxAnswer,
    SandboxOperation,
    SandboxRequest,
    StaleEpoch,
    StartServer,
    Synced,
    SyncFiles,
)
from eventcore.errors import Fenced, Unavailable


class SandboxLimits(Struct, frozen=True):
    """How patient a driver is with the sandbox service."""

    pause_s: float = 0.05
    """Before an operation that is under way is asked about; doubled each time."""
    longest_pause_s: float = 0.5
    away_s: float = 120.0
    """How long the service may be away, for a restart, before the run fails."""
    cancel_s: float = 20.0
    """How long it is asked to end an operation, before the next run may begin."""
    whole_s: float = 900.0
    """How long an operation may take in all; the service has limits of its own."""


class NoAnswer(Struct, frozen=True):
    """The service did not do its part: no fault of the app. *reason* is a sentence."""

    reason: str


async def operate(
    sandbox: Sandbox, log: RunLog, effect: SandboxEffect, limits: SandboxLimits
) -> SandboxAnswer | NoAnswer:
    """Return how the operation of *effect* ended; never Pending or StaleEpoch.

    Raises:
        Fenced: A later driver has asked for something: stop.

    """
    answer = await _ask(sandbox, log, *_named(effect), limits)
    if answer == _TOO_LONG:
        await cancel(sandbox, log, effect, limits)
    return answer


async def check(
    sandbox: Sandbox, log: RunLog, effect: SandboxEffect, limits: SandboxLimits
) -> list[Problem]:
    """Return what is wrong with the app that runs, after *effect*.

    A service that cannot tell has found nothing.

    Raises:
        Fenced: A later driver has asked for something: stop.

    """
    key = f"{effect.run_id}:check:{effect.attempt}"
    answer = await _ask(sandbox, log, key, CheckApp(), limits)
    return answer.problems if isinstance(answer, Problems) else []


async def _ask(
    sandbox: Sandbox,
    log: RunLog,
    key: str,
    operation: SandboxOperation,
    limits: SandboxLimits,
) -> SandboxAnswer | NoAnswer:
    clock = asyncio.get_running_loop().time
    request = SandboxRequest(log.project_id, log.epoch, key, operation)
    pause_s = limits.pause_s
    begun_at = answered_at = clock()
    while clock() - begun_at < limits.whole_s:
        try:
            answer = await sandbox.ask(request, tracing.current())
        except Unavailable:
            if clock() - answered_at > limits.away_s:
                return _AWAY
        else:
            answered_at = clock()
            if isinstance(answer, StaleEpoch):
                raise Fenced(log.project_id, log.epoch)
            if not isinstance(answer, Pending):
                return answer
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, limits.longest_pause_s)
    return _TOO_LONG


async def cancel(
    sandbox: Sandbox, log: RunLog, effect: SandboxEffect, limits: SandboxLimits
) -> None:
    """End the commands of *effect*; ask again until the service has done it.

    A service that stays away has ended them, or does when it hears of the run's end.

    Raises:
        Fenced: A later driver has asked for something: stop.

    """
    key = f"{effect.run_id}:cancel:{effect.attempt}"
    patient = msgspec.structs.replace(limits, whole_s=limits.cancel_s)
    await _ask(sandbox, log, key, CancelOperation(), patient)


def app_runs(project: Project, answer: SandboxAnswer | NoAnswer) -> bool:
    """Tell whether the app runs after *answer*, as it is now."""
    if isinstance(answer, Running):
        return True
    return isinstance(answer, Synced) and not must_install(project)


def recorded(
    project: Project,
    effect: SandboxEffect,
    answer: SandboxAnswer | NoAnswer,
    problems: Sequence[Problem],
) -> list[ProjectEvent]:
    """Return what is recorded of an operation that is over."""
    run_id = effect.run_id
    if isinstance(answer, Failed) and not isinstance(effect, SyncSandbox):
        state, source = RunState.START, "start"
        if isinstance(effect, InstallPackages):
            state, source = RunState.INSTALL, "install"
        found = from_failure(answer, source)
        return outcome.step_failed(project, run_id, state, found)
    match effect, answer:
        case SyncSandbox(), Synced(count):
            return outcome.files_synced(project, run_id, count, problems)
        case InstallPackages(), Installed():
            return outcome.packages_installed(project, effect)
        case StartApp(), Running(url, sandbox_id):
            return outcome.app_started(project, run_id, url, sandbox_id, problems)
        case _, Failed(reason) | NoAnswer(reason):
            return outcome.failed(project, run_id, reason)
        case _:
            message = "The sandbox service answers oddly: is it of the same version?"
            return outcome.failed(project, run_id, message)


_AWAY = NoAnswer(
    "The sandbox service does not answer: see that it runs, then send a message to go "
    "on."
)
_TOO_LONG = NoAnswer(
    "The sandbox was busy for longer than any step may take: look at its log for what "
    "hangs, then send a message to go on."
)


def _named(effect: SandboxEffect) -> tuple[str, SandboxOperation]:
    """Return the key and the operation; the same effect is the same operation."""
    match effect:
        case SyncSandbox(run_id, attempt, version):
            return f"{run_id}:sync:{attempt}", SyncFiles(version)
        case InstallPackages(run_id, attempt):
            return f"{run_id}:install:{attempt}", InstallDependencies()
        case StartApp(run_id, attempt):
            return f"{run_id}:start:{attempt}", StartServer()
        case _:
            assert_never(effect)
