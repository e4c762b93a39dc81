"""Which apps a server that runs already can show."""

import json

import pytest

from sandbox.domain.apps.spare import fits
from sandbox.domain.apps.template import Template
from tests.unit.sandbox.locks import lock

VERSIONS = {"vite": "8.0.0", "react": "19.0.0"}
CONFIG = b"export default {}"
TEMPLATE = Template(
    "hot",
    "hot-1",
    "",
    lock(vite={"version": "8.0.0"}, react={"version": "19.0.0"}),
)


def package(**changes: object) -> bytes:
    made = {
        "name": "x",
        "type": "module",
        "scripts": {"dev": "vite"},
        "dependencies": VERSIONS,
    }
    return json.dumps({**made, **changes}).encode()


SEED = {"package.json": package(), "vite.config.ts": CONFIG, "index.html": b"seed"}


def shown(*packages: str, **files: bytes | None) -> bool:
    """Tell whether the seed shows an app with these files; None: without."""
    named = {name.replace("__", "."): data for name, data in files.items()}
    found = {path: data for path, data in {**SEED, **named}.items() if data is not None}
    return fits(TEMPLATE, SEED, found, packages)


def test_another_app_of_the_same_packages_is_shown() -> None:
    assert shown(index__html=b"other", App__tsx=b"", tsconfig__json=b"{}")


def test_name_and_scripts_that_do_not_start_it_do_not_matter() -> None:
    scripts = {"dev": "vite", "build": "vite build"}
    assert shown(package__json=package(name="y", scripts=scripts, version="2.0.0"))


def test_a_requested_package_that_is_there_does_not_matter() -> None:
    assert shown("react")
    assert not shown("zod")


@pytest.mark.parametrize(
    "files",
    [
        {"package__json": None},
        {"package__json": b"{"},
        {"package__json": b"[" * 10_000},
        {"package__json": package(type="commonjs")},
        {"package__json": package(browserslist=["ie 11"])},
        {"package__json": package(scripts={"dev": "vite --mode x"})},
        {"package__json": package(scripts={"dev": "node server.js"})},
        {"package__json": package(dependencies={**VERSIONS, "zod": "4"})},
        {"package__json": package(dependencies={"vite": "8.0.0"})},
        {"package__json": package(dependencies={**VERSIONS, "react": "18"})},
        {"vite__config__ts": None},
        {"vite__config__ts": CONFIG + b"\n"},
        {"vite__config__js": CONFIG},
        {"__env": b"VITE_X=1"},
        {"__env__local": b""},
        {"postcss__config__cjs": b""},
        {"package-lock__json": b"{}"},
        {"pnpm-lock__yaml": b""},
    ],
    ids=range(18),
)
def test_any_other_app_is_started_for_itself(files: dict[str, bytes | None]) -> None:
    assert not shown(**files)
