"""Running tests of this package against a copy of `scof` that was broken on purpose.

Tests are called, not collected: a mutant is a few thousand calls away from its death,
and a process for each would take minutes.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from inspect import signature
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

from typing_extensions import override

import scof

SOURCE = Path(scof.__file__).parent


class _Mutant(MetaPathFinder, Loader):
    """Imports `scof` with one module that reads otherwise."""

    def __init__(self, module: str, text: str) -> None:
        self._texts = {f"scof.{module}": text}

    @override
    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> ModuleSpec | None:
        if not f"{fullname}.".startswith("scof."):
            return None
        return spec_from_loader(fullname, self, is_package=fullname == "scof")

    @override
    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        file = name.removeprefix("scof").removeprefix(".") or "__init__"
        text = self._texts.get(name) or (SOURCE / f"{file}.py").read_text()
        # No file of that name: what a mutant covers is nobody's coverage.
        exec(compile(text, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - our own source, nearly


@contextmanager
def mutated(module: str, text: str) -> Iterator[None]:
    """Let imports find a `scof` where *module* reads *text*."""
    mutant = _Mutant(module, text)
    with forgotten():
        sys.meta_path.insert(0, mutant)
        try:
            yield
        finally:
            sys.meta_path.remove(mutant)


@contextmanager
def forgotten() -> Iterator[None]:
    """Forget `scof` and its tests for a while, so that they are imported anew."""
    mine = {name: sys.modules[name] for name in list(sys.modules) if _is_mine(name)}
    for name in mine:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_mine(name)]:
            del sys.modules[name]
        sys.modules.update(mine)


def _is_mine(name: str) -> bool:
    return f"{name}.".startswith(("scof.", "tests.unit.scof."))


def first_failure(modules: Sequence[str]) -> str | None:
    """Return the name of the first test that fails in these modules, if one does."""
    for module in modules:
        for name, test in vars(import_module(f"tests.unit.scof.{module}")).items():
            if name.startswith("test_") and not hasattr(test, "hypothesis"):
                for arguments in _parameters(test):
                    try:
                        test(**arguments)
                    except Exception:  # noqa: BLE001 - however it fails, it fails
                        return f"{module}.{name}"
    return None


def _parameters(test: Callable[..., object]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each case of a parametrized test."""
    cases = []
    for mark in getattr(test, "pytestmark", []):
        names = mark.args[0] if isinstance(mark.args[0], tuple) else (mark.args[0],)
        values = [v if isinstance(v, tuple) else (v,) for v in mark.args[1]]
        cases.append([dict(zip(names, value, strict=True)) for value in values])
    assert cases or not signature(test).parameters
    for case in product(*cases):
        yield {name: value for part in case for name, value in part.items()}
