"""Ten times the text costs ten times as much, however odd the text.

Counted, not timed: see `metered`.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scof import Limits, Parser, apply_patch
from tests.unit.scof.answers import pieces
from tests.unit.scof.trials.metered import calls, metered

# So high that nothing is cut short; a line so short that many of them fit in.
LIMITS = Limits(
    line_chars=150,
    file_chars=100_000_000,
    files=1_000_000,
    commands=1_000_000,
    diagnostics=1_000_000,
)
OPENING = "cat > a.tsx << 'EOF'\n"
CODE = "  const [items, setItems] = useState<Item[]>([])\n\n"


def _filled(pattern: str) -> Callable[[int], str]:
    return lambda size: (pattern * (size // len(pattern) + 1))[:size]


# Each is an answer of about the size that it is given.
ANSWERS: dict[str, Callable[[int], str]] = {
    "one file": lambda size: OPENING + _filled(CODE)(size) + "\nEOF\n",
    "one file, no end": lambda size: OPENING + _filled(CODE)(size),
    "one line in a file": lambda size: OPENING + _filled("x = 'y' ")(size) + "\nEOF\n",
    "a file of empty lines": lambda size: OPENING + "\n" * size + "EOF\n",
    "lines that begin like the marker": lambda size: (
        OPENING + _filled("EOFX\nEO\n")(size)
    ),
    "markers with too much behind": lambda size: (
        OPENING + _filled("EOF" + " " * 300)(size)
    ),
    "marker and blanks": lambda size: OPENING + _filled(f"EOF{' ' * 250}x\n")(size),
    "a file of commands": lambda size: (
        OPENING + _filled("cat > b << 'X'\n")(size) + "EOF\n"
    ),
    "lines that begin like commands": lambda size: (
        OPENING + _filled("cat >\nnpm i\n")(size) + "EOF\n"
    ),
    "tabs dropped": lambda size: "cat > a <<- 'EOF'\n" + _filled("\t\tx\n\t\n")(size),
    "nothing but tabs, dropped": lambda size: "cat > a <<- 'EOF'\n" + "\t" * size,
    "other alphabets": lambda size: OPENING + _filled("\u4f60\u597d = '\xe9'\n")(size),
    "lone surrogates": _filled("\ud83d"),
    "lone surrogates in a file": lambda size: OPENING + _filled("x\ud83d\n")(size),
    "prose": _filled("Here is a sentence about cats.\n"),
    "prose in one line": _filled("catalogue and cat "),
    "prose that begins like commands": _filled("cat is\nnpm is\nca\n$ \n"),
    "lines of blanks": _filled(" " * 63 + "\n"),
    "one line of blanks": _filled(" "),
    "one command that never ends": lambda size: "cat > a " + _filled("x ")(size),
    "commands that are too long": _filled("cat > a " + "x " * 100 + "\n"),
    "continued lines": _filled("npm i a \\\n"),
    "continued lines with little in them": _filled("cat \\\n" + "\\\n" * 80 + "\n"),
    "quotes that never close": _filled("cat > 'a << 'EOF\nEOF\n"),
    "many quotes": _filled("cat " + "'a'\"b\"\\c" * 20 + "\n"),
    "many heredocs on a line": _filled("cat" + " << 'A'" * 20 + "\nA\n" * 3),
    "many files": _filled(f"{OPENING}x\nEOF\n"),
    "many empty files": _filled(f"{OPENING}EOF\n"),
    "many patches": _filled("cat << 'EOF' | patch a\n-x\n+y\nEOF\n"),
    "many install commands": lambda size: "".join(
        f"npm i p{number:06}\n" for number in range(size // 14)
    ),
    "many refused install commands": _filled("npm i 'a@1 || 2 || 3 || 4 || 5 ||'\n"),
    "many refused commands": _filled("cat >> a << 'EOF'\nx\nEOF\n"),
    "one body that is skipped": lambda size: (
        "cat >> a << 'EOF'\n" + _filled(CODE)(size)
    ),
    "one line that is skipped": lambda size: (
        "cat >> a << 'EOF'\n" + _filled("x ")(size)
    ),
    "a doubtful body": lambda size: (
        "cat > a << `EOF`\n" + _filled("cat x << y\n")(size)
    ),
    "commands that nobody runs": _filled("rm -rf x\n"),
    "orphan markers": lambda size: f"{OPENING}EOF\n" + _filled("EOF\n")(size),
    "markers, all different": lambda size: "".join(
        f"cat > a << 'M{number:06}'\nM{number:06}\n" for number in range(size // 26)
    ),
    "files over the limit": _filled(OPENING + CODE * 40 + "EOF\n"),
}
SMALL, LARGE = 1_500, 15_000


@pytest.mark.parametrize("size", [4, 1_000_000])
@pytest.mark.parametrize("name", ANSWERS)
def test_ten_times_the_text_costs_ten_times_as_much(name: str, size: int) -> None:
    limits = (
        LIMITS if name != "files over the limit" else replace(LIMITS, file_chars=500)
    )
    small = metered(pieces(ANSWERS[name](SMALL), size), limits)
    large = metered(pieces(ANSWERS[name](LARGE), size), limits)
    assert large.calls < 11 * small.calls
    assert large.characters < 11 * small.characters


@pytest.mark.parametrize("name", ANSWERS)
def test_small_pieces_cost_little_more_than_large_ones(name: str) -> None:
    answer = ANSWERS[name](LARGE)
    limits = (
        LIMITS if name != "files over the limit" else replace(LIMITS, file_chars=500)
    )
    small = metered(pieces(answer, 4), limits)
    assert small.characters < 130 * len(answer)


@pytest.mark.parametrize("size", [64, 4096])
def test_a_megabyte_in_one_file_costs_ten_times_a_tenth_of_it(size: int) -> None:
    answer = ANSWERS["one file"]
    small = metered(pieces(answer(100_000), size), LIMITS)
    large = metered(pieces(answer(1_000_000), size), LIMITS)
    assert large.calls < 11 * small.calls
    assert large.characters < 11 * small.characters


@pytest.mark.parametrize("piece", ["cons", "x\n  y", "  }\n", "\n", "x" * 4096])
def test_a_piece_of_a_body_takes_a_handful_of_calls(piece: str) -> None:
    parser = Parser()
    parser.feed(OPENING)
    parser.feed("x")
    # feed, len, isascii, rfind, append, the event and its two fields
    assert calls(lambda: parser.feed(piece)) < 12


# Diffs of some number of lines against texts of as many.
DIFFS: dict[str, Callable[[int], tuple[str, str]]] = {
    "one hunk": lambda n: ("x\n" * n + "y\n", "@@\n-y\n+z\n"),
    "one large hunk": lambda n: ("x\n" * n, "@@\n" + "-x\n+y\n" * n),
    "many hunks": lambda n: (
        "".join(f"{i}\n" for i in range(n)),
        "".join(f"@@\n-{i}\n+x\n" for i in range(0, n, 10)),
    ),
    "many loose hunks": lambda n: (
        "".join(f"{i} \n" for i in range(n)),
        "".join(f"@@\n-{i}\n+x\n" for i in range(0, n, 10)),
    ),
    "almost everywhere": lambda n: (
        "x\n" * n + "z\n",
        "@@\n" + " x\n" * (n // 2) + "-z\n",
    ),
}


@pytest.mark.parametrize("name", DIFFS)
def test_ten_times_the_diff_costs_ten_times_as_much(name: str) -> None:
    small = calls(lambda: apply_patch(*DIFFS[name](1_000)))
    large = calls(lambda: apply_patch(*DIFFS[name](10_000)))
    assert large < 11 * small + 1000
