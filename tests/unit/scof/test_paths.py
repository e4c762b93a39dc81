"""The one path policy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scof import UnsafePath, safe_path

ALLOWED = [
    "a",
    "README",
    "src/app/(group)/[slug]/[...all]/[[opt]]/page.tsx",
    "routes/$param.tsx",
    "routes/$.tsx",
    "packages/@scope/name/index.ts",
    "src/routes/+page.svelte",
    "app/@modal/(.)photo/(..)(..)x/page.tsx",
    "my folder/a file.txt",
    ".env.example",
    ".github/workflows/ci.yml",
    ".gitignore",
    "a..b/...c",
    "-x",
    "a/~b",
    "a=b,c&d!e#f%g^h{i}",
    "\u4f60\u597d/\xe9.ts",
    "\U0001f600.md",
    "console.ts",
    "comma.ts",
    "com10.ts",
    "nullable/auxiliary.ts",
    "/".join(["d"] * 31) + "/a",
    "a" * 255,
    "\xe9" * 127,
]
NORMALISED = {
    "./a": "a",
    "././a": "a",
    "a//b": "a/b",
    "a/./b": "a/b",
    "a///.//b": "a/b",
    ".//a": "a",
    "./.env": ".env",
}
REFUSED = {
    "": "it is empty",
    ".": "it names no file",
    "./": "it names a folder",
    "a/": "it names a folder",
    "/": "it is absolute",
    "/etc/passwd": "it is absolute",
    "//host/share": "it is absolute",
    "C:/x": "it begins with a drive letter",
    "c:x": "it begins with a drive letter",
    "\\\\host\\share": "it contains a backslash",
    "a\\b": "it contains a backslash",
    "~": "it begins with a home folder",
    "~/a": "it begins with a home folder",
    "./~root/a": "it begins with a home folder",
    "..": "it climbs out of a folder",
    "../a": "it climbs out of a folder",
    "a/../b": "it climbs out of a folder",
    "a/b/..": "it climbs out of a folder",
    "a\0b": "it contains a control character",
    "a\nb": "it contains a control character",
    "a\x7f": "it contains a control character",
    "a\x85": "it contains a control character",
    "a\u200bb": "it contains an invisible character",
    "a\u200fb": "it contains an invisible character",
    "a\u202eb": "it contains an invisible character",
    "a\u2066b": "it contains an invisible character",
    "a\u2028b": "it contains an invisible character",
    "a\xadb": "it contains an invisible character",
    "\ufeffa": "it contains an invisible character",
    ".g\u200dit/config": "it contains an invisible character",
    "a\ud83d": "it contains half of a surrogate pair",
    "e\u0301": "it is not in Unicode normal form C",
    "\u212b": "it is not in Unicode normal form C",
    ".git": "it enters a .git folder",
    "a/.GIT/hooks/x": "it enters a .git folder",
    "GIT~1/config": "it enters a .git folder",
    "a./b": "a name ends with a dot or a blank",
    "a /b": "a name ends with a dot or a blank",
    "a/...": "a name ends with a dot or a blank",
    "CON": "a name belongs to a device on other systems",
    "nul.txt": "a name belongs to a device on other systems",
    "src/aux.ts": "a name belongs to a device on other systems",
    "com1": "a name belongs to a device on other systems",
    "LPT\xb9.x": "a name belongs to a device on other systems",
    "con .x": "a name belongs to a device on other systems",
    "CONIN$": "a name belongs to a device on other systems",
    "$(id)": "it contains shell syntax",
    "${x}": "it contains shell syntax",
    "`id`": "it contains shell syntax",
    "a;b": "it contains shell syntax",
    "a'b": "it contains shell syntax",
    'a"b': "it contains shell syntax",
    "a*": "it contains a character that other systems refuse",
    "a?b": "it contains a character that other systems refuse",
    "a<b": "it contains a character that other systems refuse",
    "a|b": "it contains a character that other systems refuse",
    "ab:c": "it contains a character that other systems refuse",
    "a/" * 32 + "b": "it is deeper than 32 segments",
    "a" * 256: "a name is longer than 255 bytes",
    "\xe9" * 128: "a name is longer than 255 bytes",
    "abc/" * 255 + "abcde": "it is longer than 1024 bytes",
    "\xe9/" * 400: "it is longer than 1024 bytes",
    "x" * 10_000_000: "it is longer than 1024 bytes",
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_path_that_frameworks_use_stays_as_it_is(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize("path", NORMALISED)
def test_what_cannot_change_the_file_is_normalised(path: str) -> None:
    assert safe_path(path) == NORMALISED[path]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: ascii(path[:30]))
def test_an_unsafe_path_is_refused_with_the_reason(path: str) -> None:
    with pytest.raises(UnsafePath) as refused:
        safe_path(path)
    assert (refused.value.path, refused.value.reason) == (path, REFUSED[path])
    assert len(str(refused.value)) < 1500


def test_paths_that_differ_in_case_are_two_files() -> None:
    assert safe_path("A.ts") != safe_path("a.ts")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", ".", "..", "/", "~", " ", "\\", ".git", "con", "\u202e"])
        | st.characters()
    ).map("".join)
)
def test_a_canonical_path_is_its_own_canonical_form_and_stays_inside(path: str) -> None:
    try:
        canonical = safe_path(path)
    except UnsafePath:
        return
    assert safe_path(canonical) == canonical
    assert not canonical.startswith("/")
    assert not {"", ".", ".."} & set(canonical.split("/"))
