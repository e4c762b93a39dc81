"""From the line that a browser knows to the line that somebody wrote."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.domain.diagnosis.source_map import original_line

# What Vite makes of a component of nine lines: its fifth line stands in the sixth.
MAPPINGS = (
    "AAAA,SAAS,gBAAgB;;;;AAIzB,OAAO,SAAS,MAAM;;CACpB,MAAM,CAAC,GAAG,QAAQ,SAAiB,CAAC;"
)


def module(mappings: str) -> str:
    text = base64.b64encode(json.dumps({"mappings": mappings}).encode()).decode()
    return f"code\n//# sourceMappingURL=data:application/json;base64,{text}"


@pytest.mark.parametrize(
    ("line", "column", "original"),
    [
        (0, 0, 1),
        (0, 40, 1),
        (4, 0, 5),
        (4, 12, 5),
        (6, 8, 6),
        (1, 0, None),
        (99, 0, None),
    ],
)
def test_a_line_is_found(line: int, column: int, original: int | None) -> None:
    assert original_line(module(MAPPINGS), line, column) == original


@pytest.mark.parametrize(("column", "original"), [(0, 1), (9, 1), (10, 5), (99, 5)])
def test_of_several_lines_in_one_the_column_says_which(
    column: int, original: int
) -> None:
    assert original_line(module("AAAA,UAIA"), 0, column) == original


@pytest.mark.parametrize(
    "code", ["", "//# sourceMappingURL=app.js.map", module("!"), module("z" * 99)]
)
def test_a_module_without_a_map_has_none(code: str) -> None:
    assert original_line(code, 0, 0) is None


@given(st.text(alphabet="AZaz09+/,;!", max_size=200), st.integers(0, 9))
def test_any_map_is_read(mappings: str, line: int) -> None:
    original_line(module(mappings), line, 3)
