"""What a browser would load next."""

import pytest

from sandbox.domain.diagnosis.module_graph import imports_of_module, modules_of_page

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
