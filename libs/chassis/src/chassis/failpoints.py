"""Named places in the code where tests inject faults.

`fp("relay.after_publish")` is one line that does nothing unless `ATELIER_FAILPOINTS` is
set, to entries `name=action` separated by `;`. Actions:

- `kill`: SIGKILL to this process;
- `sleep:0.5`: the whole process stands still for so many seconds;
- `hang`: it stands still for ever, as a frozen machine does;
- `raise:OSError`: raise that exception, a builtin or `package.module.Name`.

An action may end in `@3`, then it happens at the third hit only, or in `@10%`, then at
each hit with that probability (`ATELIER_FAILPOINTS_SEED` makes it repeatable). Each
place that was reached is appended to the file `ATELIER_FAILPOINTS_LOG`, before the
action, so that a test can tell which ones were never hit. Keep them out of pure code.
"""

import ast
import builtins
import importlib
import os
import random
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ENTRY = re.compile(
    r"(?P<name>[\w.]+)=(?P<action>kill|hang|sleep|raise)(:(?P<argument>[\w.]+))?"
    r"(@((?P<nth>\d+)|(?P<percent>\d+)%))?"
)
_FOREVER_S = 86_400.0


@dataclass(slots=True)
class _Failpoint:
    action: str
    argument: str
    nth: int | None
    probability: float
    hits: int = 0

    def is_due(self, chance: random.Random) -> bool:
        self.hits += 1
        if self.nth is not None:
            return self.hits == self.nth
        return chance.random() < self.probability

    def act(self, name: str) -> None:
        match self.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                time.sleep(float(self.argument))
            case "hang":
                time.sleep(_FOREVER_S)
            case _:
                raise _exception(self.argument)(f"failpoint {name}")


@dataclass(slots=True)
class Failpoints:
    """The failpoints of one process, as the environment names them."""

    armed: dict[str, _Failpoint]
    log: Path | None = None
    chance: random.Random = field(default_factory=random.Random)
    reached: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Failpoints":
        """Read the variables.

        Raises:
            ValueError: An entry is not understood.

        """
        armed = {}
        for entry in filter(None, environ.get("ATELIER_FAILPOINTS", "").split(";")):
            found = _ENTRY.fullmatch(entry.strip())
            if found is None:
                raise ValueError(f"ATELIER_FAILPOINTS: {entry!r} is not understood.")
            armed[found["name"]] = _Failpoint(
                found["action"],
                found["argument"] or "",
                int(found["nth"]) if found["nth"] else None,
                int(found["percent"]) / 100 if found["percent"] else 1.0,
            )
        log = environ.get("ATELIER_FAILPOINTS_LOG")
        seed = environ.get("ATELIER_FAILPOINTS_SEED")
        chance = random.Random(seed)  # noqa: S311 - faults in tests, not secrets
        return cls(armed, Path(log) if log else None, chance)

    def reach(self, name: str) -> None:
        """Record that *name* was reached and do what was asked for there."""
        if self.log is not None and name not in self.reached:
            self.reached.add(name)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{name}\n")
        failpoint = self.armed.get(name)
        if failpoint is not None and failpoint.is_due(self.chance):
            failpoint.act(name)


_active = (
    Failpoints.of(os.environ)
    if "ATELIER_FAILPOINTS" in os.environ or "ATELIER_FAILPOINTS_LOG" in os.environ
    else None
)


def fp(name: str) -> None:
    """Mark a place where a fault may be injected; *name* is a literal, once each."""
    if _active is not None:
        _active.reach(name)


def names_in(*folders: Path) -> list[str]:
    """Return the names of all failpoints in the source below *folders*, sorted."""
    return sorted(
        name
        for folder in folders
        for path in folder.rglob("*.py")
        for name in _names_in_file(path)
    )


def _names_in_file(path: Path) -> list[str]:
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "fp"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def _exception(name: str) -> type[Exception]:
    module, _, attribute = name.rpartition(".")
    holder = importlib.import_module(module) if module else builtins
    found = getattr(holder, attribute)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise TypeError(f"failpoints raise exceptions, and {name} is none")
    return found
