"""The grammar of install commands: what passes is run, so little passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scof import Command, Diagnostic
from tests.unit.scof.answers import read, told

ALLOWED = {
    "npm install": ("npm", "install"),
    "npm i zod": ("npm", "i", "zod"),
    "pnpm add zod": ("pnpm", "add", "zod"),
    "yarn add @types/node": ("yarn", "add", "@types/node"),
    "bun install zod": ("bun", "install", "zod"),
    "  npm\tinstall   zod  ": ("npm", "install", "zod"),
    "$ npm i zod # schemas": ("npm", "i", "zod"),
    "npm i -D --save-dev --dev -E --save-exact a": (
        *("npm", "i", "-D", "--save-dev", "--dev", "-E", "--save-exact", "a"),
    ),
    "npm i a@1 b@^2.1.0-beta.1+x c@latest d@~1.x e@* f@=1 g@v1": (
        *("npm", "i", "a@1", "b@^2.1.0-beta.1+x", "c@latest", "d@~1.x", "e@*"),
        *("f@=1", "g@v1"),
    ),
    "npm i 'a@>=1 <2 || 3 - 4' \"b@> 1\"": (
        *("npm", "i", "a@>=1 <2 || 3 - 4", "b@> 1"),
    ),
    "npm i JSONStream lodash.debounce @a.b/c_d x--y": (
        *("npm", "i", "JSONStream", "lodash.debounce", "@a.b/c_d", "x--y"),
    ),
}
REFUSED = [
    *["a; rm -rf /", "a && npm i b", "a || b", "a | sh", "a & b", "a > b", "a < b"],
    *["$(id)", "`id`", "$HOME", "a$(id)", "'$(id)'", "a\\;b", "(a)", "{a,b}", "a!"],
    *["https://x/y.tgz", "http://x", "git+ssh://git@x/y", "git@github.com:a/b"],
    *["github:a/b", "user/repo", "user/repo#main", "a@user/repo", "@s/a/b"],
    *["./a", "../a", "/a", "~/a", "file:a", "link:a", "a.tgz", "a.TAR.GZ", "a.tar"],
    *["a@x.tgz", "b@npm:a", "b@file:a", "b@https://x", "workspace:*", "a@workspace:*"],
    *["-g a", "--global a", "--registry=x a", "--prefix x a", "-C x", "--save a", "-"],
    *["--ignore-scripts=false a", "--", "-DE a", "--dev=x"],
    *["a@", "@", "@a", "@a/", "a.", ".a", "_a", "-a", "a b@", "ä", "a@1;b", "a@1$x"],
    *["'a", '"a', "a'", "'a b'", "''", "a\x0bb", "a\u200b", "a" * 301],
    *["a@'1 ||'", "a@'|| 1'", "a@'1  2'", "a@'1 - '"],
    *["a << 'EOF", "a <<< b", "a \\"],
]


@pytest.mark.parametrize("line", ALLOWED)
def test_a_plain_install_command_is_told_as_an_argument_list(line: str) -> None:
    assert read(line + "\n") == [Command(ALLOWED[line])]


@pytest.mark.parametrize("arguments", REFUSED)
@pytest.mark.parametrize("before", ["npm install", "npm i zod", "yarn add -D"])
def test_anything_else_is_refused_as_a_whole(before: str, arguments: str) -> None:
    line = f"{before} {arguments}\n"
    events = read(line, "- end\n")
    assert [e for e in events if isinstance(e, Command)] == []
    assert isinstance(events[0], Diagnostic)


@pytest.mark.parametrize("verb", ["yarn add", "npm add -D", "pnpm add"])
def test_adding_nothing_is_refused(verb: str) -> None:
    assert told(read(verb + "\n"))[0] == "install_refused@1"


@pytest.mark.parametrize(
    "line",
    [
        "Run npm install zod",
        "# npm install zod",
        "`npm install zod`",
        "- npm install zod",
        "> npm install zod",
        "echo npm install zod",
        "xnpm install zod",
        "NPM install zod",
        "npm installed zod",
        "npm-install zod",
        "'npm' install zod",
    ],
)
def test_a_mention_is_no_command(line: str) -> None:
    assert not any(isinstance(event, Command) for event in read(line + "\n"))


def test_the_same_command_counts_once_and_order_is_kept() -> None:
    answer = "npm i b\nnpm i a\nnpm i b\nnpm i  a\nnpm i a b"
    assert told(read(answer)) == ["run npm i b", "run npm i a", "run npm i a b"]


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_characters="\n")))
def test_what_passes_has_no_shell_syntax_in_it(text: str) -> None:
    commands = [e for e in read(f"npm install {text}") if isinstance(e, Command)]
    allowed = set("@/._-~^=<>|*+ ")
    for argument in (argument for command in commands for argument in command.argv):
        assert all(c in allowed or (c.isascii() and c.isalnum()) for c in argument)
