"""Applying diffs: right ones always, slightly wrong ones where the place is certain."""

import difflib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scof import PatchFailed, apply_patch

ORIGINAL = "one\ntwo\nthree\nfour\nfive\n"
CHANGED = "one\ntwo\nTHREE\nfour\nfive\n"
HUNK = " two\n-three\n+THREE\n four\n"

GOOD = {
    "a right header": "@@ -2,3 +2,3 @@\n",
    "file headers": "--- a/x.ts\n+++ b/x.ts\n@@ -2,3 +2,3 @@\n",
    "file headers of git": (
        "diff --git a/x b/x\nindex 123abc..456def 100644\n--- a/x\n+++ b/x\n"
        "@@ -2,3 +2,3 @@ def f():\n"
    ),
    "prose above": "Here is the change:\n@@ -2,3 +2,3 @@\n",
    "wrong line numbers": "@@ -40,3 +50,3 @@\n",
    "wrong counts": "@@ -2,9 +2,1 @@\n",
    "no counts": "@@ -2 +2 @@\n",
    "no line numbers": "@@ @@\n",
    "dots for line numbers": "@@ ... @@\n",
    "half a header": "@@\n",
    "the line zero": "@@ -0,3 +0,3 @@\n",
    "an enormous line number": "@@ -99999999999999999999,3 +1,3 @@\n",
    "no header at all": "",
    "file headers only": "--- a/x\n+++ b/x\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_header_may_be_wrong_or_missing(name: str) -> None:
    assert apply_patch(ORIGINAL, GOOD[name] + HUNK) == CHANGED


@pytest.mark.parametrize(
    ("diff", "changed"),
    [
        ("@@ -1 +1 @@\n-one\n+ONE", "ONE\ntwo\nthree\nfour\nfive\n"),
        ("@@ -5 +5 @@\n five\n+six\n", ORIGINAL + "six\n"),
        ("@@ -1 +1 @@\n+zero\n one\n", "zero\n" + ORIGINAL),
        ("@@ -1,5 +0,0 @@\n-one\n-two\n-three\n-four\n-five\n", ""),
        ("@@\n-one\n two\n@@\n four\n-five\n", "two\nthree\nfour\n"),
        ("@@\n-one\n two\n\n@@\n four\n-five\n\n\n", "two\nthree\nfour\n"),
        ("@@\n two\n+\n three\n", "one\ntwo\n\nthree\nfour\nfive\n"),
        ("```diff\n@@\n-one\n+ONE\n```\n", "ONE\ntwo\nthree\nfour\nfive\n"),
        ("@@\ntwo\n-three\n+3\nfour\n", "one\ntwo\n3\nfour\nfive\n"),
        ("@@\n two  \n-three\t\n+3\n", "one\ntwo\n3\nfour\nfive\n"),
        ("@@\n two\n three\n", ORIGINAL),
        ("```\n-one\n+ONE\n```\n", "ONE\ntwo\nthree\nfour\nfive\n"),
        ("```\n@@\n-five\n", "one\ntwo\nthree\nfour\n"),
        ("one\n-two\n+2\n", "one\n2\nthree\nfour\nfive\n"),
        ("@@\n one\n+++ x\n@@\n-five\n", "one\n++ x\ntwo\nthree\nfour\n"),
    ],
)
def test_a_diff_as_models_write_it_is_applied(diff: str, changed: str) -> None:
    assert apply_patch(ORIGINAL, diff) == changed


def test_an_empty_line_in_a_hunk_is_context() -> None:
    assert apply_patch("a\n\nb\n", "@@\n a\n\n-b\n+c\n") == "a\n\nc\n"
    assert apply_patch("a\n\nb\n", "@@\n a\n \n-b\n+c\n") == "a\n\nc\n"


def test_empty_lines_at_the_end_of_a_hunk_are_context_where_they_are_there() -> None:
    original = "a\nx\na\n\n"
    assert apply_patch(original, "@@\n-a\n+b\n\n") == "a\nx\nb\n\n"


def test_context_keeps_its_own_blanks() -> None:
    assert apply_patch("a \nb\n", "@@\n a\n-b\n+c\n") == "a \nc\n"


def test_an_exact_place_comes_before_one_that_differs_in_blanks() -> None:
    assert apply_patch("a \nx\na\n", "@@\n-a\n+b\n") == "a \nx\nb\n"
    assert apply_patch("a\nx\na \n", "@@\n-a \n+b\n") == "a\nx\nb\n"


def test_other_line_ends_are_content() -> None:
    original = "a\x0bb\n\x0cc\u2028d\ne\r\n"
    assert (
        apply_patch(original, "@@\n-\x0cc\u2028d\n+x\x85\n") == "a\x0bb\nx\x85\ne\r\n"
    )


@pytest.mark.parametrize(
    ("original", "diff", "changed"),
    [
        ("a\n", "-a\n+a\n\\ No newline at end of file\n", "a"),
        ("a", "-a\n\\ No newline at end of file\n+a\n", "a\n"),
        (
            "a",
            "-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
            "b",
        ),
        ("a\nb", " a\n-b\n+c\n", "a\nc\n"),
        ("a\nb", "-a\n+x\n b\n", "x\nb"),
        ("a\nb", "-a\n+x\n b\n\\ No newline at end of file\n", "x\nb"),
        ("a\nb", " a\n-b\n\\ No newline at end of file\n", "a\n"),
        ("a\nb", " a\n b\n+c\n", "a\nb\nc\n"),
        ("a", "-a\n", ""),
        ("x\ny\nx\n", "@@\n-x\n+z\n\\ No newline at end of file\n", "x\ny\nz"),
        ("x\ny\nx", "@@\n-x\n\\ No newline at end of file\n+z\n", "x\ny\nz\n"),
        ("a\nb\nc", "@@\n-a\n\\ No newline at end of file\n-b\n+x\n", "x\nc"),
        ("a\nb\n", "@@\n-b\n+x\n\\ No newline at end of file\n+y\n", "a\nx\ny\n"),
        ("b", "@@\n+x\n-b\n\\ No newline at end of file\n", "x\n"),
        ("a\nb", "@@\n-a\n+x\n", "x\nb"),
        ("a\n", "\\ No newline at end of file\n-a\n+b\n", "b\n"),
    ],
)
def test_the_mark_for_no_line_feed_at_the_end_is_honoured(
    original: str, diff: str, changed: str
) -> None:
    assert apply_patch(original, diff) == changed


@pytest.mark.parametrize(
    ("original", "diff", "changed"),
    [
        ("a\r\nb\r\n", "@@\n a\n-b\n+c\n", "a\r\nc\r\n"),
        ("a\nb\n", "@@\r\n a\r\n\r\n-b\r\n+c\r\n", None),
        ("a\nb\n", "@@\r\n a\r\n-b\r\n+c\r\n\r\n", "a\nc\n"),
        ("a\r\nb\n", "@@\n a\n-b\n+c\n", "a\r\nc\n"),
        ("a\r\nb\r\n", "@@\r\n-a\r\n+c\r\n", "c\r\nb\r\n"),
        ("a\nb\n", "@@\n-a\n+c\r\n b\n", "c\r\nb\n"),
        ("a", "@@\r\n-a\r\n+c\r\n", "c\r\n"),
    ],
)
def test_added_lines_end_as_the_lines_of_the_file_do(
    original: str, diff: str, changed: str | None
) -> None:
    if changed is None:
        with pytest.raises(PatchFailed):
            apply_patch(original, diff)
    else:
        assert apply_patch(original, diff) == changed


def test_a_file_that_is_not_there_yet_can_be_created() -> None:
    diff = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n\n"
    assert apply_patch("", diff) == "a\nb\n"
    assert apply_patch("", "@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n") == "a"


def test_the_line_number_decides_between_places() -> None:
    assert apply_patch("a\nb\na\nb\n", "@@ -3 +3 @@\n-a\n+x\n b\n") == "a\nb\nx\nb\n"

    assert apply_patch("a\nb\na\nb\n", "@@ -1 +1 @@\n-a\n+x\n b\n") == "x\nb\na\nb\n"


def test_line_numbers_may_follow_each_other_at_once() -> None:
    diff = "@@ -1 +1 @@\n-a\n+x\n@@ -2 +2 @@\n-a\n+y\n"
    assert apply_patch("a\na\na\n", diff) == "x\ny\na\n"


def test_the_order_of_hunks_decides_between_places() -> None:
    diff = "@@\n-m\n+M\n@@\n-x\n+X\n"
    assert apply_patch("x\nm\nx\n", diff) == "x\nM\nX\n"


def test_only_blanks_differ_but_the_place_is_certain() -> None:
    diff = "@@ -3 +3 @@\n-a\n+x\n"
    assert apply_patch("a \nb\na\t\n", diff) == "a \nb\nx\n"


@pytest.mark.parametrize(
    ("original", "diff", "hunk", "reason"),
    [
        ("a\na\n", "@@\n-a\n+b\n", 1, "its context stands in several places"),
        ("x\na\nm\na\n", "@@\n-x\n@@\n-a\n", 2, "its context stands in several places"),
        ("a\na\n", "@@ -9 +9 @@\n-a\n+b\n", 1, "its context stands in several places"),
        ("a\nb\n", "@@\n-c\n+d\n", 1, "its context is not there"),
        ("a\nb\n", "@@\n-b\n+x\n@@\n-a\n+y\n", 2, "its context is not there"),
        ("a\nb\n", "@@\n-a\n b\n@@\n-b\n", 2, "its context is not there"),
        ("a\nb\n", "@@\n-A\n", 1, "its context is not there"),
        ("a\nb\n", "@@\n-  a\n", 1, "its context is not there"),
        ("", "@@\n-a\n", 1, "its context is not there"),
        ("a\n", "@@ -1,0 +2 @@\n+b\n", 1, "it has no context"),
        ("a\nb\n", "@@\n-a\n+b\n\\ No newline at end of file\n", 1, None),
        ("a\n", "@@\n-a\n+x\n@@\n-a\n+y\n\\ No newline\n", 2, None),
        ("a\n", "", 0, "it has no hunks"),
        ("a\n", "@@ -1 +1 @@\n", 0, "it has no hunks"),
        ("a\n", "--- a/x\n+++ b/x\n", 0, "it has no hunks"),
        ("a\n", "-a\n+b\n--- a/y\n+++ b/y\n@@\n-c\n", 0, None),
        ("a\n", "@@\n-a\ndiff --git a/y b/y\n", 0, "it changes more than one file"),
        ("a\n", "@@\n-a\n" * 2001, 0, "it has more than 2000 hunks"),
    ],
)
def test_a_diff_is_refused_where_its_place_is_not_certain(
    original: str, diff: str, hunk: int, reason: str | None
) -> None:
    with pytest.raises(PatchFailed) as failed:
        apply_patch(original, diff)
    assert failed.value.hunk == hunk
    assert reason in (None, failed.value.reason)


def test_lines_that_look_like_file_headers_are_changed_as_any_other() -> None:
    assert apply_patch("-- a\nc\n", "@@\n--- a\n+++ b\n c\n") == "++ b\nc\n"


def test_a_text_of_too_many_different_lines_is_refused() -> None:
    original = "\n".join(map(str, range(1_000_002)))
    with pytest.raises(PatchFailed, match="too many lines"):
        apply_patch(original, "@@\n-1\n+x\n")


LINES = st.lists(
    st.sampled_from(["", "a", "b", " ", "a ", "\r", "}", "-", "+x"]), max_size=14
)


TEXTS = st.one_of(
    LINES.map("\n".join), LINES.map(lambda x: "".join(f"{y}\n" for y in x))
)


def _diff(old: str, new: str, context: int) -> str:
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(_split(old), _split(new), n=context)
    )


def _split(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [
        line for line in [text.rpartition("\n")[2]] if line
    ]


@settings(deadline=None, max_examples=500)
@given(TEXTS, TEXTS, st.integers(1, 3))
def test_every_right_diff_applies(before: str, after: str, context: int) -> None:
    assume(before != after)
    assert apply_patch(before, _diff(before, after, context)) == after


@settings(deadline=None, max_examples=500)
@given(
    TEXTS,
    st.lists(
        st.sampled_from(
            [
                "@@\n",
                "-a\n",
                "+a\n",
                " a\n",
                "\n",
                "\\ no newline\n",
                "-}\n",
                "--- x\n",
                "+++ y\n",
                "@@ -2 +2 @@\n",
            ]
        )
    ).map("".join),
)
def test_any_other_diff_is_refused_or_applied_but_never_breaks(
    original: str, diff: str
) -> None:
    try:
        assert isinstance(apply_patch(original, diff), str)
    except PatchFailed as failed:
        assert str(failed).endswith(f"does not apply: {failed.reason}.")  # noqa: PT017 - either way is right
