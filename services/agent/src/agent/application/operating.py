"""One operation of the sandbox: asked for again until it is over."""

import asyncio
from typing import assert_never

from msgspec import Struct

from agent.application.run_log import RunLog
from agent.domain.run import InstallPackages, SandboxEffect, StartApp, SyncSandbox
from agent.ports import Sandbox
from contracts.sandbox import (
    CancelOperation,
    Failed,
    InstallDependencies,
    Pending,
    SandboxAnswer,
    SandboxOperation,
    SandboxRequest,
    StaleEpoch,
    StartServer,
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
    whole_s: float = 900.0
    """How long an operation may take in all; the service has limits of its own."""


async def operate(
    sandbox: Sandbox, log: RunLog, effect: SandboxEffect, limits: SandboxLimits
) -> SandboxAnswer:
    """Return how the operation of *effect* ended; never Pending or StaleEpoch.

    Raises:
        Fenced: A later driver has asked for something: stop.

    """
    clock = asyncio.get_running_loop().time
    request = SandboxRequest(log.project_id, log.epoch, *_named(effect))
    pause_s = limits.pause_s
    begun_at = answered_at = clock()
    while clock() - begun_at < limits.whole_s:
        try:
            answer = await sandbox.ask(request, log.traceparent)
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
    await cancel(sandbox, log, effect)
    return _TOO_LONG


async def cancel(sandbox: Sandbox, log: RunLog, effect: SandboxEffect) -> None:
    """End the commands of *effect*, if the service is there to do it."""
    key = f"{effect.run_id}:cancel:{effect.attempt}"
    request = SandboxRequest(log.project_id, log.epoch, key, CancelOperation())
    try:
        await sandbox.ask(request, log.traceparent)
    except Unavailable:
        return  # without the service there is no command either


_AWAY = Failed(
    "The sandbox service does not answer: see that it runs, then send a message to go "
    "on."
)
_TOO_LONG = Failed(
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
