"""Which packages of a template an app sees."""

import pytest

from sandbox.domain.apps.template import Laid, best_view
from tests.unit.sandbox.locks import TEMPLATE, lock


def test_an_app_sees_what_it_asks_for_and_what_that_needs() -> None:
    view = TEMPLATE.view({"a": "^1.0.0"})
    assert view.hidden == ("b", "d", "e")
    assert view.missing == {}


def test_nested_packages_come_with_the_folder_that_they_lie_in() -> None:
    assert TEMPLATE.view({"b": "3"}).hidden == ("a", "c", "d", "e")


def test_a_peer_is_seen_with_whom_it_belongs_to() -> None:
    assert "a" not in TEMPLATE.view({"d": "*"}).hidden


def test_another_version_is_hidden_and_missing() -> None:
    view = TEMPLATE.view({"a": "1.0.0", "b": "^4.0.0"})
    assert view.missing == {"b": "^4.0.0"}
    assert "b" in view.hidden


def test_what_needs_a_package_that_is_replaced_is_replaced_with_it() -> None:
    view = TEMPLATE.view({"a": "1.0.0", "d": "1.0.0", "c": "1.0.0", "b": "3.1.0"})
    assert view.missing == {"c": "1.0.0", "a": "1.0.0", "d": "1.0.0"}
    assert view.hidden == ("a", "c", "d", "e")


@pytest.mark.parametrize(
    ("before", "grows"),
    [
        (Laid("x", ("a",), {"b": "1"}), True),
        (Laid("x", ("a",)), True),
        (Laid("x", ("a",), {"b": "2"}), False),
        (Laid("x", ("a",), {"d": "1"}), False),
        (Laid("x"), False),
        (Laid("y", ("a",)), False),
    ],
)
def test_packages_are_added_to_what_has_no_other(before: Laid, *, grows: bool) -> None:
    after = Laid("x", ("a",), {"b": "1", "c": "1"})
    assert before.grows_to(after) is grows


def test_the_view_that_leaves_least_to_install_is_taken() -> None:
    some, all_of_it = TEMPLATE.view({"a": "1", "z": "1"}), TEMPLATE.view({"a": "1"})
    assert best_view([some, all_of_it]) is all_of_it


def test_a_template_that_serves_nothing_is_not_taken() -> None:
    assert best_view([TEMPLATE.view({"z": "1"}), TEMPLATE.view({})]) is None


def test_a_lock_of_a_part_of_it_is_served() -> None:
    view = TEMPLATE.locked_view(lock(c={"version": "2.4.0"}))
    assert view is not None
    assert view.hidden == ("a", "b", "d", "e")


@pytest.mark.parametrize(
    "text",
    [
        lock(c={"version": "2.4.1"}),
        lock(c={"version": "2.4.0", "integrity": "sha512-other"}),
        lock(c={"version": "2.4.0", "link": True}),
        lock(f={"version": "1.0.0"}),
        lock(),
        "{",
        "[]",
        '{"lockfileVersion": 1, "packages": {"node_modules/c": {"version": "2.4.0"}}}',
        '{"packages": {"node_modules/c": {"version": 7}}}',
        "[" * 10_000,
    ],
    ids=range(10),
)
def test_a_lock_of_anything_else_is_not(text: str) -> None:
    assert TEMPLATE.locked_view(text) is None


def test_packages_for_other_machines_need_not_be_there() -> None:
    assert "node_modules/e" not in TEMPLATE.versions
    assert TEMPLATE.versions["node_modules/b/node_modules/c"] == "1.5.0"
