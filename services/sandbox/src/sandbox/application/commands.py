"""Running commands in a sandbox: those that end by themselves, and servers."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from sandbox.application import metrics
from sandbox.application.loads import Loads
from sandbox.application.output import Output, Source
from sandbox.application.readiness import until_ready
from sandbox.application.trouble import Troubled
from sandbox.domain.apps import install
from sandbox.domain.apps.app import PORT
from sandbox.domain.limits import INSTALL_S, START_S
from sandbox.ports import Command, Process, Runtime, RuntimeFailed

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
        if code != 0:
            tail = source.tail.text
            why = install.reason(tail, code, process.cause)
            raise Troubled(f"Installing the packages failed: {why}", tail)

    async def prepare(
        self, argv: tuple[str, ...], variables: Mapping[str, str]
    ) -> None:
        """Run what a server may need before its start; how it ends is seen, no more.

        Raises:
            Troubled: It cannot even be started.

        """
        source = self._announce(argv)
        process = await self._launch(Command(argv, variables=variables), source)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(START_S):
                    await process.wait()
        finally:
            await process.stop()

    async def serve(
        self,
        argv: tuple[str, ...],
        host: str,
        variables: Mapping[str, str],
        loads: Loads,
    ) -> Process:
        """Start a server and return it as soon as it can be seen at *host*.

        What its page *loads* is learnt on the way.

        Raises:
            Troubled: It ended, or does not answer.

        """
        command = Command(argv, serves=True, variables=variables)
        try:
            process = await self._serve(command, host, loads)
        except Troubled:
            metrics.STARTS.labels("failed").inc()
            raise
        metrics.STARTS.labels("running").inc()
        return process

    async def _serve(self, command: Command, host: str, loads: Loads) -> Process:
        for _ in range(_STARTS - 1):
            try:
                return await self._serve_once(command, host, loads)
            except Troubled as exc:
                # A port that was free a moment ago: somebody else was faster.
                if not any(word in exc.log_tail for word in _PORT_TAKEN):
                    raise
        return await self._serve_once(command, host, loads)

    async def _serve_once(self, command: Command, host: str, loads: Loads) -> Process:
        source = self._announce(command.argv)
        process = await self._launch(command, source)
        try:
            await until_ready(process, host, loads)
        except Troubled as exc:
            await process.stop()
            exc.log_tail = source.tail.text
            raise
        except BaseException:
            await process.stop()
            raise
        return process

    def _announce(self, argv: tuple[str, ...]) -> Source:
        source = self._output.new_source()
        words = " ".join(argv).replace(PORT, "$PORT")
        self._output.say(f"$ {words}")
        return source

    async def _launch(self, command: Command, source: Source) -> Process:
        try:
            return await self._runtime.launch(self._project_id, command, source.take)
        except RuntimeFailed as exc:
            raise Troubled(str(exc)) from exc
