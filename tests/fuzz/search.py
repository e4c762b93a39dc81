"""One search, in a process of its own: atheris does not come back from it."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["scof"]):
    from tests.fuzz.targets import HEAD_BYTES, TARGETS

ANSWERS = Path("tests/unit/scof/answers.txt")


def _plant(learned: Path) -> None:
    """Begin with the answers that the tests know."""
    for number, section in enumerate(ANSWERS.read_bytes().split(b"\n======== ")[1:]):
        answer = section.partition(b"\n")[2].partition(b"--------\n")[0]
        (learned / f"seed-{number}").write_bytes(b"\1" * HEAD_BYTES + answer)


def main() -> None:
    """Search until libFuzzer's options say that it is enough."""
    name, learned = sys.argv[1], Path(sys.argv[2])
    _plant(learned)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
