"""Which type checker an app has, and with which settings it is run."""

import pytest

from sandbox.domain.diagnosis.type_checker import (
    MOST,
    checker_of,
    chosen_settings,
    may_be_settings,
)

REFERS = """{
  // "files": ["a.ts"],
  "files": [], /* none */
  "references": [{"path": "./config/web.tsconfig.json"}, {"path": "server"},],
}"""


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        ({}, []),
        ({"packages/a/tsconfig.json": "{}"}, []),
        ({"tsconfig.json": "{}"}, ["tsconfig.json"]),
        ({"tsconfig.json": "{"}, ["tsconfig.json"]),
        ({"tsconfig.json": REFERS, "tsconfig.app.json": ""}, ["tsconfig.app.json"]),
        (
            {
                "tsconfig.json": REFERS,
                "config/web.tsconfig.json": "{}",
                "server/tsconfig.json": "{}",
            },
            ["config/web.tsconfig.json", "server/tsconfig.json"],
        ),
        (
            {
                "tsconfig.json": '{"include": ["src"], "references": [{"path": "a"}]}',
                "a/tsconfig.json": '{"references": [{"path": "../b"}, {"path": ".."}]}',
                "b/tsconfig.json": '{"compilerOptions": {"paths": {"//": ["/*,}"]}}}',
            },
            ["tsconfig.json", "b/tsconfig.json"],
        ),
        ({"tsconfig.json": REFERS}, ["tsconfig.json"]),
    ],
    ids=range(8),
)
def test_settings_are_those_that_name_files(
    texts: dict[str, str], chosen: list[str]
) -> None:
    assert chosen_settings(texts) == chosen


def test_a_few_settings_are_enough() -> None:
    places = ", ".join(f'{{"path": "p{number}"}}' for number in range(99))
    texts = {f"p{number}/tsconfig.json": "{}" for number in range(99)}
    texts["tsconfig.json"] = f'{{"files": [], "references": [{places}]}}'
    assert len(chosen_settings(texts)) == MOST


def test_settings_are_told_by_their_names() -> None:
    assert may_be_settings("config/web.tsconfig.json")
    assert not may_be_settings("data/a.json")


@pytest.mark.parametrize(
    ("packages", "checker"),
    [
        ("react typescript", "node_modules/typescript/bin/tsc"),
        ("vue vue-tsc typescript", "node_modules/vue-tsc/bin/vue-tsc.js"),
        ("vue typescript", None),
        ("svelte typescript", None),
        ("vue vue-tsc", None),
        ("react", None),
    ],
)
def test_an_app_is_checked_by_who_can_read_it(
    packages: str, checker: str | None
) -> None:
    assert checker_of(packages.split()) == checker
