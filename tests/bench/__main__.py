"""Runs the benches: `python -m tests.bench [name...]`, all of them without a name."""

import os
import sys
from importlib import import_module
from pathlib import Path

PREFIX = "bench_"


def _names() -> list[str]:
    """Return the names of the benches beside this file."""
    found = Path(__file__).parent.glob(f"{PREFIX}*.py")
    return sorted(path.stem.removeprefix(PREFIX) for path in found)


def main(names: list[str]) -> int:
    """Run the benches with these names, one after the other; return an exit status."""
    known = _names()
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.stderr.write(f"No bench is called {unknown[0]}; there are {known}.\n")
        return 2
    # Services that a bench starts install no packages in advance unless it says so.
    os.environ.setdefault("SANDBOX_TEMPLATES", "false")
    for name in names or known:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        import_module(f"tests.bench.{PREFIX}{name}").main()
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
