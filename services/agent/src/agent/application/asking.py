"""Calls of the language model that a run makes.

What is asked, what it may cost, and what is recorded of it, however it ends.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from agent.application import metrics
from agent.application.budget import Budget, budget_of
from agent.application.open_file import OpenText
from agent.application.open_reply import OpenReply
from agent.application.run_log import RunLog, RunOver
from agent.application.world import DriverSettings, NotYet, World
from agent.application.writing import Writing
from agent.domain import outcome
from agent.domain.estimate import dollars, filled, tokens_of
from agent.domain.outcome import CallEnd
from agent.domain.prompting.plan import SCHEMA, PlanInvalid, read_plan
from agent.domain.prompting.prompt import (
    Message,
    design_messages,
    implement_messages,
)
from agent.domain.prompting.seam import Partial
from agent.domain.run import DesignPhase, ImplementPhase, ModelEffect
from agent.domain.run_state import Run
from agent.domain.state import Project
from agent.ports import ModelCall, Reserved
from chassis.failpoints import fp
from contracts.project import Price, ProjectEvent, RunState
from contracts.requests import ModelInfo, SpendLimits
from eventcore.errors import Unavailable

Outcome: TypeAlias = Callable[[Project], list[ProjectEvent]]
Prompt: TypeAlias = Callable[[Project, Run], list[Message]]

_LONGEST_ANSWER_TOKENS = 128_000
"""No model writes more at once: as much is held of a day's limit for an answer."""
_MAX_DOUBLINGS = 5
"""Of the pause after a call that came to nothing."""
_HELD_PAUSE_S = 1.0
"""Before money is asked for again that calls of other projects may still take."""
_HELD_TRIES = 5
"""After which the run is left alone for a while."""


class Asked(Struct, frozen=True):
    """A call that is recorded as begun."""

    call: ModelCall
    budget: Budget


class Asking:
    """Makes the calls of one driver, one after the other."""

    def __init__(self, log: RunLog, world: World, settings: DriverSettings) -> None:
        self.screen: OpenText | None = None
        """What is being written."""
        self._log = log
        self._world = world
        self._settings = settings
        self._open: Asked | None = None
        """The call that was made last, until its end is recorded here."""
        self._cut: tuple[UUID, int, Partial] | None = None
        """Run, phase and file that the last answer, of limited length, ended in."""

    async def design(self, effect: DesignPhase) -> None:
        """Ask what the next phase is.

        Raises:
            RunOver: The run was ended meanwhile, or may not go on.
            Fenced: Another driver holds the lease: stop.

        """
        info = await self._info(effect)

        def prompt(project: Project, run: Run) -> list[Message]:
            return _seen_by(info, design_messages(project, run, _window(info)))

        asked = await self._begin(effect, info, prompt)
        call = replace(asked.call, schema=SCHEMA)
        run = self._log.run(effect.run_id)
        reply_id = self._world.new_id()
        screen = None
        if run.is_asked or run.messages:  # there may be a question
            screen = OpenReply(self._world.bus, self._log.project_id, reply_id)
        answer, end = await self._whole_answer(call, asked.budget, screen)
        end = self._counted(end, asked.budget)
        await self._record(self._planned(effect, answer, end, reply_id))

    async def implement(self, effect: ImplementPhase) -> None:
        """Ask for the files that are missing; each is recorded when it is whole.

        Raises:
            RunOver: The run was ended meanwhile, or may not go on.
            Fenced: Another driver holds the lease: stop.

        """
        info = await self._info(effect)
        cut = self._cut_off(effect)

        def prompt(project: Project, run: Run) -> list[Message]:
            messages = implement_messages(project, run, effect, _window(info), cut)
            return _seen_by(info, messages)

        asked = await self._begin(effect, info, prompt)
        run = self._log.run(effect.run_id)
        bus, project_id = self._world.bus, self._log.project_id
        screen = self.screen = OpenText(bus, project_id, run.id, run.calls)
        try:
            writing = Writing(
                *(self._log, effect, screen, self._world.new_id, asked.budget),
                partial=cut,
            )
            end = await writing.write(self._world.model, asked.call)
        finally:
            self.screen = None
        if writing.cut is not None:
            self._cut = (run.id, effect.phase_index, writing.cut)
        await self._record(self._ended(effect, self._counted(end, asked.budget)))

    async def settle(self, effect: ModelEffect) -> None:
        """Record what the call of *effect* had, where somebody else recorded its end.

        One that was not begun by then holds no money any more.

        Raises:
            Fenced: Another driver holds the lease: stop.

        """
        asked, self._open = self._open, None
        if asked is None:
            with suppress(Unavailable):
                await self._world.ledger.release(self._log.project_id)
        else:
            counted = asked.budget.counted
            if self._log.project.state is RunState.IDLE:  # a stop is not ours to count
                metrics.count_call("interrupted", asked.call.model, counted.usage)
            await self._log.record(
                lambda project: outcome.call_counted(project, effect, counted)
            )

    # --- before the call ------------------------------------------------------------

    async def _info(self, effect: ModelEffect) -> ModelInfo | None:
        """Return what is known of the first one who is asked.

        The window is the smallest of all: a fallback gets the same prompt.
        """
        find = self._world.catalog.find
        first, *others = [await find(model) for model in self._models(effect)]
        if first is None:
            return None
        windows = [info.context_tokens for info in (first, *others) if info is not None]
        known = [tokens for tokens in windows if tokens is not None]
        return replace(first, context_tokens=min(known, default=None))

    async def _dearest(self, effect: ModelEffect) -> Price | None:
        """Return the price of the dearest who may answer, of whom one is known."""
        find = self._world.catalog.find
        infos = [await find(model) for model in self._models(effect)]
        prices = [price for info in infos if (price := _price(info)) is not None]
        return max(prices, key=lambda price: price.completion_usd, default=None)

    def _models(self, effect: ModelEffect) -> tuple[str, ...]:
        """Return who is asked, the first one and its fallbacks."""
        run, own = self._log.run(effect.run_id), self._log.project.settings
        if isinstance(effect, DesignPhase):
            return tuple(own.design_models) or self._settings.design_models
        chosen = tuple(own.write_models) or self._settings.write_models
        first = () if run.model is None else (run.model,)
        return tuple(dict.fromkeys((*first, *chosen)))

    async def _begin(
        self, effect: ModelEffect, info: ModelInfo | None, prompt: Prompt
    ) -> Asked:
        """Record that the call starts, when it may.

        Raises:
            RunOver: The run was stopped, or a limit ends it.
            NotYet: The provider, or other projects' calls, make it wait for long.

        """
        self._open = None
        run, now = self._log.run(effect.run_id), self._world.now()
        asked_s = _asked_for(run, self._settings, now)
        if asked_s > self._settings.patience_s:
            raise NotYet(asked_s)
        await asyncio.sleep(pause_before(run, self._settings, now))
        model, *fallbacks = self._models(effect)
        price = _price(info)
        limits = await self._world.limits.current()
        left_usd = await self._reserve(effect, info, prompt, limits)
        begun: list[tuple[list[Message], Budget]] = []

        def begin(project: Project) -> list[ProjectEvent]:
            run = project.run
            if run is None or run.id != effect.run_id:
                return []
            messages = prompt(project, run)
            tokens = _tokens(messages)
            budget = budget_of(project, run, limits, tokens, price, left_usd=left_usd)
            reason = budget.refusal()
            if reason is not None:
                return outcome.failed(project, run.id, reason)
            begun.append((messages, budget))
            return outcome.call_started(
                project, effect, model, prompt_tokens=tokens, price=price
            )

        await self._log.record(begin)
        self._log.run(effect.run_id)
        messages, budget = begun[-1]
        self._open = Asked(ModelCall(model, messages, None, fallbacks), budget)
        fp("driver.before_call")
        return self._open

    async def _reserve(
        self,
        effect: ModelEffect,
        info: ModelInfo | None,
        prompt: Prompt,
        limits: SpendLimits,
    ) -> float | None:
        """Return what the day leaves for the call, held for it; None: any amount.

        Where the provider lists no price, a call is only held back when the day is
        spent already: each run may pass the limit by one call.

        Raises:
            RunOver: The day's money is spent, which is how the run ends.
            NotYet: Other calls hold what is left of it.

        """
        owner_id = self._log.project.owner_id
        if owner_id is None or (limits.user_day_usd, limits.day_usd) == (None, None):
            return None
        wanted = 0.0
        if (price := await self._dearest(effect)) is not None:
            tokens = _tokens(prompt(self._log.project, self._log.run(effect.run_id)))
            answer = min(
                _window(info) or _LONGEST_ANSWER_TOKENS, _LONGEST_ANSWER_TOKENS
            )
            wanted = dollars(price, tokens, answer) or 0.0
        for _ in range(_HELD_TRIES):
            held = await self._world.ledger.reserve(
                self._log.project_id, owner_id, wanted, limits
            )
            if (reason := _spent(held, limits)) is not None:
                await self._log.record(partial(_failed, effect.run_id, reason))
                raise RunOver
            if not wanted:
                return None
            if held.granted_usd > 0:
                return held.granted_usd
            await asyncio.sleep(_HELD_PAUSE_S)
        raise NotYet(_HELD_TRIES * _HELD_PAUSE_S)

    def _cut_off(self, effect: ImplementPhase) -> Partial | None:
        """Return the file that the phase's last call ended in, if it is missing."""
        cut, self._cut = self._cut, None
        if cut is None or cut[:2] != (effect.run_id, effect.phase_index):
            return None
        is_missing = any(file.path == cut[2].path for file in effect.missing)
        return cut[2] if is_missing else None

    # --- after it -------------------------------------------------------------------

    async def _record(self, outcome_of: Outcome) -> None:
        """Record the end of the call, unless somebody else has done it."""

        def end(project: Project) -> list[ProjectEvent]:
            events = outcome_of(project)
            if events:
                self._open = None  # nothing is left to be settled
            return events

        await self._log.record(end)

    async def _whole_answer(
        self, call: ModelCall, budget: Budget, screen: OpenReply | None
    ) -> tuple[str, CallEnd]:
        texts: list[str] = []
        end = CallEnd("cut", call.model, error="The answer broke off without an end.")
        async with aclosing(self._world.model.answer(call)) as pieces:
            async for piece in pieces:
                if isinstance(piece, CallEnd):
                    end = piece
                    continue
                over = budget.take(piece)
                if isinstance(piece, str):
                    texts.append(piece)
                    if screen is not None:
                        screen.add(piece)
                if over is not None:
                    end = CallEnd("cut", call.model, error=over, hopeless=True)
                    break
        return "".join(texts), end

    def _planned(
        self, effect: DesignPhase, answer: str, end: CallEnd, reply_id: UUID
    ) -> Outcome:
        """Return what is recorded of an answer that may be a plan."""
        if end.outcome != "complete":
            return self._ended(effect, end)

        def record(project: Project) -> list[ProjectEvent]:
            try:
                plan = read_plan(answer, project)
            except PlanInvalid as error:
                return outcome.plan_refused(project, effect, end, str(error))
            return outcome.phase_designed(project, effect, end, plan, reply_id)

        return record

    def _ended(self, effect: ModelEffect, end: CallEnd) -> Outcome:
        """Return what is recorded of a call that brought no plan."""
        wait_s = end.retry_after_s
        if wait_s is None or end.hopeless:
            return lambda project: outcome.call_ended(project, effect, end)
        if wait_s > self._settings.longest_wait_s:
            minutes = f"{wait_s / 60:,.0f}"
            error = _TOO_LONG_A_WAIT.format(model=end.model, minutes=minutes)
            end = replace(end, error=error, hopeless=True)
            return lambda project: outcome.call_ended(project, effect, end)
        retry_at = self._world.now() + timedelta(seconds=wait_s)
        return lambda project: outcome.call_ended(project, effect, end, retry_at)

    def _counted(self, end: CallEnd, budget: Budget) -> CallEnd:
        """Return *end* with what the call has cost, as far as it is known."""
        counted = budget.counted
        if end.unpaid:
            if not counted.lost:
                return end
            counted = replace(counted, lost=counted.lost - 1)  # this one had no prompt
        return replace(end, usage=filled(end.usage, counted))


def pause_before(run: Run, settings: DriverSettings, now: datetime) -> float:
    """Return the seconds before the next call, after some that came to nothing.

    What a provider asked for comes before the shaken part, so that not all who were
    told the same come back at the same moment.
    """
    pause_s = 0.0
    if failures := run.barren + run.busy:
        pause_s = settings.pause_s * 2 ** min(failures - 1, _MAX_DOUBLINGS)
        pause_s *= random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    return pause_s + _asked_for(run, settings, now)


def _asked_for(run: Run, settings: DriverSettings, now: datetime) -> float:
    """Return the seconds that are left of what a provider asked for."""
    if run.not_before is None:
        return 0.0
    # The clocks of workers differ, and one may be wrong.
    left_s = (run.not_before - now).total_seconds()
    return max(0.0, min(left_s, settings.longest_wait_s))


def _failed(run_id: UUID, reason: str, project: Project) -> list[ProjectEvent]:
    return outcome.failed(project, run_id, reason)


def _spent(held: Reserved, limits: SpendLimits) -> str | None:
    """Return why no call is made any more today, or None."""
    if limits.user_day_usd is not None and held.user_usd >= limits.user_day_usd:
        return _SPENT_TODAY.format(who="Your projects", usd=limits.user_day_usd)
    if limits.day_usd is not None and held.all_usd >= limits.day_usd:
        return _SPENT_TODAY.format(who="All projects", usd=limits.day_usd)
    return None


def _price(info: ModelInfo | None) -> Price | None:
    if info is None or info.completion_usd is None:
        return None
    return Price(info.prompt_usd or 0.0, info.completion_usd)


def _tokens(messages: list[Message]) -> int:
    images = [image for message in messages for image in message.images]
    return tokens_of((message.content for message in messages), images)


def _window(info: ModelInfo | None) -> int | None:
    return None if info is None else info.context_tokens


def _seen_by(info: ModelInfo | None, messages: list[Message]) -> list[Message]:
    """Return *messages* without images where the model is known not to see."""
    if info is None or info.sees_images:
        return messages
    return [replace(message, images=()) for message in messages]


_SPENT_TODAY = (
    "{who} have used today's limit of ${usd:.2f}: send a message tomorrow to go on, or "
    "have the limit raised."
)
_TOO_LONG_A_WAIT = (
    "The provider of {model} wants no call for {minutes} minutes: send a message then "
    "to go on, or choose another model."
)
