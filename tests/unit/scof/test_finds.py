"""What the fuzzer has found once is never found again."""

from pathlib import Path

import pytest

from tests.fuzz.targets import HEAD_BYTES, TARGETS, PromiseBroken, check
from tests.unit.scof.answers import CORPUS

FINDS = sorted((Path(__file__).parents[2] / "fuzz" / "finds").iterdir())


@pytest.mark.parametrize("find", FINDS, ids=lambda find: find.name)
def test_a_find_keeps_every_promise(find: Path) -> None:
    target, _, _ = find.name.partition("-")
    TARGETS[target](find.read_bytes())


@pytest.mark.parametrize("head", [b"", bytes(HEAD_BYTES), bytes(range(10, 18))])
@pytest.mark.parametrize("name", CORPUS)
def test_a_known_answer_keeps_every_promise(name: str, head: bytes) -> None:
    answer = CORPUS[name][0].encode("utf-8", "surrogatepass")
    for target in TARGETS.values():
        target(head + answer)


def test_a_broken_promise_is_told() -> None:
    with pytest.raises(PromiseBroken, match="the moon"):
        check(1 + 1 == 3, "the moon")
