"""Running commands in a sandbox: those that end by themselves, and servers."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from sandbox.application import metrics
from sandbox.application.output import Output, Source
from sandbox.application.trouble import Troubled
from sandbox.domain import install
from sandbox.domain.limits import ERROR_S, INSTALL_S, START_S
from sandbox.domain.problems import is_error
from sandbox.ports import Command, Process, Runtime, RuntimeFailed, Unreachable

_FIRST_PAUSE_S = 0.03
_LONGEST_PAUSE_S = 0.25
_ANSWER_S = 20.0
"""For one answer: a first page may have to be compiled."""
_STARTS = 3
_PORT_TAKEN = ("EADDRINUSE", "already in use", "Address in use")


class Commands:
    """Runs the commands of one project and shows what they print."""

    def __init__(self, project_id: UUID, runtime: Runtime, output: Output) -> None:
        self._project_id = project_id
        self._runtime = runtime
        self._output = output

    async def install(self, argv: tuple[str, ...]) -> None:
        """Run one command of an install to its end.

        Raises:
            Troubled: It failed, or took too long.

        """
        source = self._announce(argv)
        process: Process | None = None
        try:
            async with asyncio.timeout(INSTALL_S):
                command = Command(argv, installs=True)
                process = await self._launch(command, source)
                code = await process.wait()
        except TimeoutError as exc:
            minutes = f"{INSTALL_S / 60:g} minutes"
            raise Troubled(
                f"Installing the packages took longer than {minutes}.", source.tail.text
            ) from exc
        finally:
            if process is not None:
                await process.stop()
            source.finish()
        if code != 0:
            tail = source.tail.text
            why = install.reason(tail, code)
            raise Troubled(f"Installing the packages failed: {why}", tail)

    async def serve(
        self, argv: tuple[str, ...], host: str, variables: Mapping[str, str]
    ) -> Process:
        """Start a server and return it as soon as it answers for *host*.

        Raises:
            Troubled: It ended, or does not answer.

        """
        command = Command(argv, serves=True, variables=variables)
        try:
            process = await self._serve(command, host)
        except Troubled:
            metrics.STARTS.labels("failed").inc()
            raise
        metrics.STARTS.labels("running").inc()
        return process

    async def _serve(self, command: Command, host: str) -> Process:
        for _ in range(_STARTS - 1):
            try:
                return await self._serve_once(command, host)
            except Troubled as exc:
                # A port that was free a moment ago: somebody else was faster.
                if not any(word in exc.log_tail for word in _PORT_TAKEN):
                    raise
        return await self._serve_once(command, host)

    async def _serve_once(self, command: Command, host: str) -> Process:
        source = self._announce(command.argv)
        process = await self._launch(command, source)
        try:
            await _until_ready(process, host)
        except Troubled as exc:
            await process.stop()
            source.finish()
            raise Troubled(exc.reason, source.tail.text, source=exc.source) from exc
        except BaseException:
            await process.stop()
            raise
        return process

    def _announce(self, argv: tuple[str, ...]) -> Source:
        source = self._output.new_source()
        self._output.say(f"$ {' '.join(argv)}")
        return source

    async def _launch(self, command: Command, source: Source) -> Process:
        try:
            return await self._runtime.launch(self._project_id, command, source.take)
        except RuntimeFailed as exc:
            raise Troubled(str(exc)) from exc


async def _until_ready(process: Process, host: str) -> None:
    """Wait until the app answers.

    Raises:
        Troubled: It never does; the sentence says how that shows.

    """
    async with asyncio.TaskGroup() as race:
        ready = race.create_task(_until_answer(process, host))
        ended = race.create_task(process.wait())
        first, _ = await asyncio.wait(
            {ready, ended}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        ended.cancel()
    if ended in first:
        code = ended.result()
        raise Troubled(f"The app stopped while it was starting (exit code {code}).")
    if ready not in first:
        raise Troubled(f"The app did not answer within {START_S:g} seconds.")
    if is_error(status := ready.result()):
        raise Troubled(f"The app answers with an error ({status}).", source="http")


async def _until_answer(process: Process, host: str) -> int:
    """Return the status of the start page; of an error only if it stays one."""
    pause = _FIRST_PAUSE_S
    patient_until: float | None = None
    while True:
        with suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(_ANSWER_S):
                status = await process.ask(host)
            now = time.monotonic()
            patient_until = patient_until or now + ERROR_S
            if not is_error(status) or now > patient_until:
                return status
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE_S, pause * 1.5)
