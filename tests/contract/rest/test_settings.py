"""REST of settings, of models and of what they cost."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx
import pytest

DEFAULTS: dict[str, Any] = {
    "designModels": [],
    "writeModels": [],
    "lockedPaths": [],
    "maxRunCostUsd": None,
    "maxProjectCostUsd": None,
    "maxRunTokens": None,
}


def test_a_new_project_has_the_defaults(ada: httpx.Client, project: str) -> None:
    assert ada.get(f"{project}/settings").json() == DEFAULTS


@pytest.mark.parametrize(
    "change",
    [
        {"designModels": ["a/b", "c/d"]},
        {"writeModels": ["a/b"], "maxRunCostUsd": 1.5},
        {"lockedPaths": ["LICENSE", "public/"]},
        {"maxRunTokens": 1000, "maxProjectCostUsd": 0},
    ],
)
def test_a_change_leaves_the_other_settings(
    ada: httpx.Client, project: str, change: dict[str, Any]
) -> None:
    before = ada.patch(f"{project}/settings", json={"maxRunCostUsd": 3}).json()
    answer = ada.patch(f"{project}/settings", json=change)
    assert answer.json() == {**before, **change}
    assert ada.get(f"{project}/settings").json() == answer.json()


def test_null_takes_a_limit_away(ada: httpx.Client, project: str) -> None:
    ada.patch(f"{project}/settings", json={"maxRunCostUsd": 3})
    answer = ada.patch(f"{project}/settings", json={"maxRunCostUsd": None})
    assert answer.json() == DEFAULTS


@pytest.mark.parametrize(
    "change",
    [
        *({"designModels": ["x"] * 6}, {"writeModels": [""]}, {"maxRunTokens": 0}),
        *({"maxRunCostUsd": -1}, {"lockedPaths": ["../up"]}, {"lockedPaths": None}),
        {"maxRunTokens": 10**30},
    ],
)
def test_what_is_no_setting_changes_nothing(
    ada: httpx.Client, project: str, change: dict[str, Any]
) -> None:
    answer = ada.patch(f"{project}/settings", json=change)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert ada.get(f"{project}/settings").json() == DEFAULTS


def test_of_two_changes_at_once_none_is_lost(ada: httpx.Client, project: str) -> None:
    changes: list[dict[str, Any]] = [
        {"maxRunCostUsd": 1.0},
        {"maxProjectCostUsd": 2.0},
        {"maxRunTokens": 3},
    ]
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(lambda one: ada.patch(f"{project}/settings", json=one), changes)
        )
    assert {answer.status_code for answer in answers} == {HTTPStatus.OK}
    merged = {name: value for change in changes for name, value in change.items()}
    assert ada.get(f"{project}/settings").json() == {**DEFAULTS, **merged}


def test_locked_paths_are_in_their_shortest_form(
    ada: httpx.Client, project: str
) -> None:
    answer = ada.patch(f"{project}/settings", json={"lockedPaths": ["./a//b", "a/b"]})
    assert answer.json()["lockedPaths"] == ["a/b"]


def test_whoever_has_spent_nothing_is_told_so(ada: httpx.Client, project: str) -> None:
    nothing = {"calls": 0, "promptTokens": 0, "completionTokens": 0, "costUsd": 0.0}
    expected = {"total": nothing, "days": [], "models": [], "projects": []}
    assert ada.get("/api/usage").json() == expected
    assert ada.get(f"{project}/usage").json() == expected


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-1-1", "to=20260101"])
def test_what_is_no_day_is_refused(ada: httpx.Client, query: str) -> None:
    answer = ada.get(f"/api/usage?{query}")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.text.endswith("must be a day, such as 2026-01-31")


def test_a_provider_that_lists_nothing_is_a_service_that_is_missing(
    ada: httpx.Client,
) -> None:
    answer = ada.get("/api/models")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["retry-after"] == "1"
