"""What a browser would load next."""

import pytest

from sandbox.domain.diagnosis.module_graph import (
    expected_modules,
    imports_of_module,
    is_lasting,
    modules_of_page,
)

FILES = {
    "index.html": b'<script type="module" src="/src/main.tsx"></script>',
    "src/main.tsx": b"""
import { App } from "./App";
import "./styles.css"; import logo from "./logo.svg"; import x from "react";
""",
    "src/App.tsx": b"""
import type { Card } from "./types"; import { Column } from "./parts";
import { App } from "./main"; import { gone } from "./gone";
""",
    "src/parts/index.ts": b"""
export * from "../../lib/column.js"; export type * from "./t"
""",
    "src/parts/t.ts": b"",
    "src/types.ts": b"",
    "src/styles.css": b'@import "./more.css";',
    "src/more.css": b"",
    "src/logo.svg": b"",
    "lib/column.js": b"\xff import '../src/App.tsx'",
}
PAGE = """
<link rel="stylesheet" href="./style.css"><link rel=icon href="/icon.png">
<script type="module" src="/src/main.tsx"></script>
<SCRIPT src='/old.js'></SCRIPT>
<script type='module'>import {x} from "/inline.js"; import "./near.js"</script>
<script type="module" src="https://elsewhere.example/x.js"></script>
"""


def test_modules_and_styles_of_a_page() -> None:
    found = modules_of_page(PAGE, "/")
    assert found == ["/style.css", "/src/main.tsx", "/inline.js", "/near.js"]


def test_imports_of_a_module() -> None:
    text = """
import x from "/node_modules/.vite/deps/react.js?v=1";
import './side.css'; export * from "../up.ts"
import("./later.js"); import y from "bare";
"""
    assert imports_of_module(text, "/src/a/b.ts") == [
        "/node_modules/.vite/deps/react.js?v=1",
        "/src/a/side.css",
        "/src/up.ts",
    ]


def test_what_the_modules_of_a_page_load_is_known_from_the_files() -> None:
    assert expected_modules(FILES) == [
        "/src/App.tsx",
        "/src/styles.css",
        "/src/parts/index.ts",
        "/lib/column.js",
    ]


@pytest.mark.parametrize("page", [b"", b"\xff", b'<script type="module" src="/a">'])
def test_nothing_is_known_of_files_that_lead_nowhere(page: bytes) -> None:
    assert expected_modules({"index.html": page}) == expected_modules({}) == []


def test_only_what_has_its_content_in_its_name_lasts() -> None:
    assert is_lasting("/node_modules/.vite/deps/react.js?v=1")
    assert not is_lasting("/node_modules/.vite/deps/react.js")
    assert not is_lasting("/src/main.tsx?v=1")


@pytest.mark.parametrize(
    "text",
    [
        'import "//evil.example/x.js"',
        'import "/x\\r\\nHost: evil"',
        'import "/a b"',
        "import '/\u00e9'",
        '<script type="module" src="http://[::1"></script>',
        '<script type="module" src="data:text/javascript,1"></script>',
        '<script type="module" src="/x\r\nHost: evil"></script>',
        '<script type="module"></script>',
    ],
)
def test_nothing_else_is_asked_for(text: str) -> None:
    assert modules_of_page(text, "/") == imports_of_module(text, "/") == []
