"""One call of the model that writes files: from its text to the log and to screens."""

from contextlib import aclosing

from msgspec.structs import replace

from agent.application.budget import Budget
from agent.application.open_file import OpenText
from agent.application.run_log import RunLog
from agent.domain.outcome import CallEnd, file_written, packages_requested
from agent.domain.prompting.seam import Partial, Seam, partial_of
from agent.domain.run import ImplementPhase
from agent.ports import Model, ModelCall, NewId
from chassis.failpoints import fp
from scof import (
    Command,
    Diagnostic,
    Event,
    FileChunk,
    FileClosed,
    FileOpened,
    FileTruncated,
    Parser,
    PatchChunk,
    PatchClosed,
    PatchFailed,
    PatchOpened,
    Prose,
    apply_patch,
)

_TOLD_ODDITIES = 3
"""Of an odd answer's diagnostics: enough for a person and for the next question."""


class Writing:
    """Reads one answer; each file that is whole is in the log before the next text."""

    def __init__(
        self,
        log: RunLog,
        effect: ImplementPhase,
        screen: OpenText,
        new_id: NewId,
        budget: Budget,
        *,
        partial: Partial | None = None,
    ) -> None:
        """*partial* is a file that was cut off and that the answer goes on with."""
        self._log = log
        self._effect = effect
        self._screen = screen
        self._new_id = new_id
        self._parser = Parser()
        self._budget = budget
        self._seam = Seam(partial) if partial is not None else None
        self._in_patch = False
        self._swallowed: set[str] = set()
        """Files whose commands stand inside the open one."""
        self._oddities: list[str] = []
        self.cut: Partial | None = None
        """The file that an answer of limited length ended in."""

    async def write(self, model: Model, call: ModelCall) -> CallEnd:
        """Make the call; return how it ended, with all its whole files recorded.

        Raises:
            RunOver: The run was ended meanwhile.
            Fenced: Another driver holds the lease: stop.

        """
        end = CallEnd("cut", call.model, error="The answer broke off without an end.")
        async with aclosing(model.answer(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, CallEnd):
                    end = piece
                    break
                fp("driver.mid_stream")
                over = self._budget.take(piece)
                if isinstance(piece, str):
                    await self._read(self._seam.feed(piece) if self._seam else piece)
                if over is not None:
                    end = CallEnd("cut", call.model, error=over, hopeless=True)
                    break
        if self._seam:
            await self._read(self._seam.finish())
        rest = self._parser.finish()
        if end.outcome == "complete":
            await self._take_all(rest)
        elif end.outcome == "length":
            self._remember(rest)
        # Else the last line was cut, and what looks like a marker may be content.
        self._screen.close()
        return self._with_oddities(end)

    def _with_oddities(self, end: CallEnd) -> CallEnd:
        """Return *end* with what was odd about the answer, if it has no error."""
        if end.error is not None or not self._oddities:
            return end
        return replace(end, error=" ".join(self._oddities[:_TOLD_ODDITIES]))

    async def _read(self, text: str) -> None:
        if text:
            await self._take_all(self._parser.feed(text))

    def _remember(self, rest: list[Event]) -> None:
        for event in rest:
            # Nobody goes on with a patch: its lines say too little about the file.
            if isinstance(event, FileTruncated) and not self._in_patch:
                self.cut = partial_of(event.path, event.content)

    async def _take_all(self, events: list[Event]) -> None:
        """Take what one read brought, with neighbouring pieces of text joined."""
        texts: list[str] = []
        for event in events:
            if isinstance(event, FileChunk):
                texts.append(event.text)
                continue
            self._screen.add("".join(texts))
            texts = []
            await self._take(event)
        self._screen.add("".join(texts))

    async def _take(self, event: Event) -> None:
        match event:
            case FileOpened(path):
                self._in_patch = False
                self._swallowed.clear()
                self._screen.start(path)
            case PatchOpened():
                self._in_patch = True
            case FileClosed(path, content):
                await self._store(path, content)
            case PatchClosed(path, diff):
                await self._patch(path, diff)
            case FileTruncated():
                self._screen.close()
            case Command(argv):
                await self._request(argv)
            case Diagnostic(code, message, _, path):
                self._oddities.append(message)
                if code == "possible_missing_marker" and path is not None:
                    self._swallowed.add(path)
            case FileChunk() | PatchChunk() | Prose():
                pass

    async def _store(self, path: str, content: str) -> None:
        missing = {file.path for file in self._log.run(self._effect.run_id).missing}
        if self._swallowed & (missing - {path}):
            # The file ends in another one that was planned: both are asked for again.
            self._screen.close()
            return
        effect, file_id = self._effect, self._new_id()
        await self._log.record(
            lambda project: file_written(project, effect, file_id, path, content)
        )
        self._screen.close()
        self._check()
        fp("driver.after_file")

    async def _patch(self, path: str, diff: str) -> None:
        """Store the file with the patch applied, or leave it missing."""
        known = self._log.project.files.get(path)
        if known is not None and known.encoding != "utf-8":
            return  # what is not text has no lines
        try:
            content = apply_patch(known.content if known else "", diff)
        except PatchFailed:
            return  # the next call asks for the whole file
        self._screen.start(path)
        self._screen.add(content)
        await self._store(path, content)

    async def _request(self, argv: tuple[str, ...]) -> None:
        effect = self._effect
        await self._log.record(
            lambda project: packages_requested(project, effect, argv)
        )
        self._check()

    def _check(self) -> None:
        """Stop here if the run has been ended."""
        self._log.run(self._effect.run_id)
