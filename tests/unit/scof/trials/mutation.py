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
        self._module, self._text = f"scof.{module}", text

    @override
    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> ModuleSpec | None:
        file = _file(fullname)
        if file is None:
            return None
        return spec_from_loader(fullname, self, is_package=file.stem == "__init__")

    @override
    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        text = self._text if name == self._module else source(name)
        # No file of that name: what a mutant covers is nobody's coverage.
        exec(compile(text, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - our own source, nearly


def source(name: str) -> str:
    """Return the text of the module *name*, which is one of `scof`."""
    file = _file(name)
    assert file is not None
    return file.read_text()


def _file(name: str) -> Path | None:
    """Return the file of a module of `scof`; None for any other."""
    if not f"{name}.".startswith("scof."):
        return None
    path = SOURCE.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


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
