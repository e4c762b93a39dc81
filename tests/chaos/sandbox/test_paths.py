"""Ten thousand hostile paths: nothing is written, read or deleted outside."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.sandbox.test_folders import NAMES, Hostile

_PARTS = st.one_of(
    st.sampled_from(NAMES),
    st.text(max_size=12),
    st.sampled_from(
        ["x" * 255, "x" * 256, "\0", "a\0b", "\ud800", "..\\..", "%2e%2e", "-rf", "\n"]
    ),
)
PATHS = st.one_of(
    st.lists(_PARTS, min_size=1, max_size=8).map("/".join),
    st.lists(_PARTS, min_size=1, max_size=8).map(lambda parts: "/" + "/".join(parts)),
    st.text(max_size=40),
)


@pytest.mark.timeout(1800)
def test_no_path_leads_out(tmp_path: Path) -> None:
    folders = iter(range(1_000_000))
    tried = 0

    @settings(
        max_examples=10_000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(paths=st.lists(PATHS, min_size=1, max_size=3))
    def leads_nowhere(paths: list[str]) -> None:
        nonlocal tried
        root = tmp_path / str(next(folders))
        root.mkdir()
        hostile = Hostile(root)
        for path in paths:
            tried += 1
            assert hostile.files.read(path, 1000) in (None, b"mine")
            assert hostile.files.is_folder(path) in (True, False)
            with suppress(OSError):
                hostile.files.write(path, b"mine")
            hostile.files.delete(path)
            assert hostile.is_intact()
            assert sorted(os.listdir(root)) == ["app", "outside", "staging"]  # noqa: PTH208 - names alone

    leads_nowhere()
    assert tried >= 10_000
