from tests.support.npm import ROOT
from tests.support.turns import LONG, ROOMS, next_module

E2E, OTHER_E2E = "tests/e2e/test_run.py", "tests/e2e/test_doctor.py"
REST, PLAIN = "tests/contract/rest/test_auth.py", "tests/unit/test_x.py"


def test_every_long_module_is_there() -> None:
    named = [*LONG, *(path for room in ROOMS.values() for path in room)]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_longest_comes_first_and_the_others_as_they_lie() -> None:
    assert next_module([PLAIN, LONG[2], LONG[0]], [], []) == LONG[0]
    assert next_module([PLAIN, OTHER_E2E], [], []) == PLAIN


def test_a_worker_stays_in_its_room() -> None:
    assert next_module([LONG[0], OTHER_E2E], [E2E], []) == OTHER_E2E


def test_a_full_room_is_entered_when_nothing_else_is_left() -> None:
    inside = [[E2E], [E2E, PLAIN]]
    assert next_module([E2E, PLAIN], [], inside) == PLAIN
    assert next_module([E2E], [REST], inside) == E2E


def test_who_has_been_in_a_room_may_come_back() -> None:
    assert next_module([E2E, PLAIN], [OTHER_E2E, PLAIN], [[E2E], [E2E]]) == E2E
