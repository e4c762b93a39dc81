"""Installing the packages of one app, by the first way that succeeds."""

from collections.abc import Awaitable, Callable

from sandbox.application.commands import Commands
from sandbox.application.output import Output
from sandbox.application.trouble import Troubled
from sandbox.domain.apps.install import MODULES, SEED, Plan, is_tampered
from sandbox.domain.apps.template import Laid, View
from sandbox.ports import BadFolder, Folder


class Packages:
    """Installs into one folder; *let_go* ends whatever of the app runs there."""

    def __init__(
        self,
        folder: Folder,
        commands: Commands,
        output: Output,
        let_go: Callable[[], Awaitable[None]],
    ) -> None:
        self._folder = folder
        self._commands = commands
        self._output = output
        self._let_go = let_go

    async def install(self, plans: tuple[Plan, ...], laid: Laid | None) -> Laid | None:
        """Go through *plans* until one succeeds; *laid* is what there is before.

        Return what there is afterwards.

        Raises:
            Troubled: None does; this is how the last one failed.

        """
        for number, plan in enumerate(plans, start=1):
            try:
                return await self._carry_out(plan, laid)
            except (Troubled, BadFolder) as exc:
                failed = exc if isinstance(exc, Troubled) else Troubled(str(exc))
                if number == len(plans) or is_tampered(failed.log_tail):
                    raise failed from exc.__cause__
                self._output.say("That failed. Trying another way.")
                laid = None
        return None

    async def _carry_out(self, plan: Plan, laid: Laid | None) -> Laid | None:
        if plan.note:
            self._output.say(plan.note)
        if not await self._can_grow(plan, laid):
            await self._lay(plan.view)
        seed = {} if plan.seed is None else {SEED: plan.seed.encode()}
        try:
            if seed:
                await self._folder.apply(seed, ())
            for argv in plan.steps:
                await self._commands.install(argv)
        finally:
            if seed:
                await self._folder.apply({}, seed)
        return None if plan.view is None else plan.view.laid

    async def _can_grow(self, plan: Plan, laid: Laid | None) -> bool:
        """Tell whether what is *laid* lacks nothing but what *plan* installs.

        Then it stays as it is, and what runs goes on meanwhile.
        """
        if laid is None or plan.view is None or not laid.grows_to(plan.view.laid):
            return False
        return await self._folder.has_folder(MODULES)

    async def _lay(self, view: View | None) -> None:
        """Let the app have what a template holds, instead of all that it has now."""
        if view is None:
            await self._folder.lift()
            return
        await self._let_go()
        await self._folder.lay(view.template.key, view.hidden)
        self._output.say(f"{len(view.served)} of the packages are there already.")
