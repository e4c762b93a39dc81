"""What the page of an app loads, so that a browser has it before it finds out.

Modules are found one behind the other, each by reading the one before. A browser that
is told all of them with the page asks for all of them at once.
"""

from collections.abc import Iterable, Mapping

from sandbox.domain.diagnosis.module_graph import is_lasting
from sandbox.ports import Fetched

_KEPT_BYTES = 8_388_608
"""Of one app, whatever it answers with."""


class Loads:
    """What is known of it; *modules* are expected before anybody has looked.

    *kept* is what the app's own server was seen to answer, by address, which holds for
    a moment: until its files are others, or `over`.
    """

    def __init__(
        self, modules: Iterable[str] = (), kept: Mapping[str, Fetched] | None = None
    ) -> None:
        self.modules = tuple(modules)
        """Addresses of what the modules of the page load, as they turn up."""
        self._lasting: dict[str, Fetched] = {}
        self._passing = dict(kept or {})
        self._left = _KEPT_BYTES
        self._is_outdated = False
        for target, answer in self._passing.items():
            self.keep(target, answer)

    def kept(self, target: str) -> Fetched | None:
        """Return what a visitor who asks for *target* gets, where that is known.

        It has no map of its source: most visitors never look at one.
        """
        return self._lasting.get(target) or self._passing.get(target)

    def keep(self, target: str, answer: Fetched) -> None:
        """Keep *answer* where that is what *target* is always answered with."""
        is_sent = answer.content_type.isascii()  # apps may say what no answer can
        if is_sent and is_lasting(target) and len(answer.body) <= self._left:
            self._left -= len(answer.body)
            self._lasting[target] = answer

    def found(self, modules: Iterable[str]) -> None:
        """Take note of what somebody has found who has looked at all of it."""
        if not self._is_outdated:
            self.modules = tuple(modules)

    def outdated(self) -> None:
        """Take note that files are others: their modules have other addresses now.

        Whoever is looking still has begun before that.
        """
        self._is_outdated = True
        self.modules = ()
        self.over()

    def over(self) -> None:
        """Forget what may be answered in another way by now."""
        self._passing.clear()
