"""Failpoints: parsing, counting, listing."""

from pathlib import Path

import pytest

from chassis.failpoints import Failpoints, fp, names_in

SOURCE = """
def relay() -> None:
    fp("relay.before")
    fp("relay.after")
    other("not.one")
"""


def raising(entry: str) -> Failpoints:
    return Failpoints.of({"ATELIER_FAILPOINTS": entry})


def test_nothing_happens_without_the_variable() -> None:
    fp("anything")


def test_an_armed_place_raises_what_was_asked_for() -> None:
    with pytest.raises(OSError, match="failpoint a"):
        raising("a=raise:OSError").reach("a")


def test_an_exception_of_a_package_is_found() -> None:
    with pytest.raises(Exception, match="failpoint a"):
        raising("a=raise:chassis.settings.SettingsError").reach("a")


def test_other_places_are_left_alone() -> None:
    raising("a=raise:OSError; c=kill").reach("b")


def test_the_third_hit_is_the_one_that_fails() -> None:
    failpoints = raising("a=raise:OSError@3")
    failpoints.reach("a")
    failpoints.reach("a")
    with pytest.raises(OSError, match="failpoint a"):
        failpoints.reach("a")


def test_a_seed_repeats_what_chance_did() -> None:
    environ = {
        "ATELIER_FAILPOINTS": "a=raise:OSError@50%",
        "ATELIER_FAILPOINTS_SEED": "7",
    }

    def outcomes() -> list[bool]:
        failpoint = (failpoints := Failpoints.of(environ)).armed["a"]
        return [failpoint.is_due(failpoints.chance) for _ in range(20)]

    assert outcomes() == outcomes()
    assert set(outcomes()) == {True, False}


@pytest.mark.parametrize("entry", ["a", "a=explode", "a=sleep:1@", "=kill"])
def test_an_entry_that_is_not_understood_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        raising(entry)


def test_only_exceptions_are_raised() -> None:
    with pytest.raises(TypeError, match="int is none"):
        raising("a=raise:int").reach("a")


def test_reached_places_are_logged_once(tmp_path: Path) -> None:
    log = tmp_path / "reached"
    failpoints = Failpoints.of({"ATELIER_FAILPOINTS_LOG": str(log)})
    for name in ("a", "b", "a"):
        failpoints.reach(name)
    assert log.read_text().split() == ["a", "b"]


def test_names_are_found_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "relay.py").write_text(SOURCE)
    assert names_in(tmp_path) == ["relay.after", "relay.before"]
