"""A real shell as the judge: what it makes of an answer, the parser makes of it too."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scof import replay, serialize
from tests.unit.scof.answers import codes, read

SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]
if not SHELLS:
    pytest.skip("there is no POSIX shell here to compare with", allow_module_level=True)


def _run(shell: str, answer: str, paths: list[str]) -> dict[str, bytes]:
    """Return the files that a shell makes of *answer* in an empty folder."""
    with TemporaryDirectory() as folder:
        for path in paths:
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [shutil.which(shell) or shell, "-e"],
            input=answer.encode(),
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            check=True,
            capture_output=True,
            timeout=30,
        )
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
        }


# No shell can hold NUL in a heredoc.
LINES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n")),
    st.sampled_from(["", "\t", "EOF", " EOF", "EOFX", "\tEOF", "$HOME `id` \\", "\r"]),
    st.sampled_from(["cat > x << 'EOF'", "'", '"', "\\", "\\\\", "#", "EO"]),
)
NAMES = st.sampled_from(
    ["a", "b.ts", "$x", "(g)", "[id]", "@s", "my file", ".env", "a+b"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)
# Each form with the quoting that keeps a shell from expanding the body.
FORMS = st.sampled_from(
    [
        "cat > {path} << '{marker}'",
        "cat>{path}<<'{marker}'",
        '  cat   >  {path}  <<\t"{marker}"  ',
        "cat << \\{marker} > {path} # a comment",
        "cat > {path} <<- '{marker}'",
        "tee {path} << '{marker}' > /dev/null",
        "cat << '{marker}' | tee {path} > /dev/null",
        "mkdir -p some/folder && cat > {path} << '{marker}'",
        "cat \\\n > {path} \\\n << '{marker}'",
        "cat >| {path} << '{marker}' ;",
    ]
)
MARKERS = st.sampled_from(["EOF", "END_OF_FILE", "EOF.2", "x"])


@st.composite
def block(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a path and a block that writes it, well-formed for a shell."""
    path = draw(PATHS)
    marker = draw(MARKERS)
    form = draw(FORMS)
    lines = draw(st.lists(LINES, max_size=6))
    assume(all(line.strip(" \t\r") != marker for line in lines))
    command = form.format(path=f"'{path}'", marker=marker)
    body = "".join(f"{line}\n" for line in lines)
    return path, f"{command}\n{body}{marker}\n"


def _has_clash(paths: list[str]) -> bool:
    """Whether one path is the folder of another one."""
    folders = {str(parent) for path in paths for parent in Path(path).parents}
    return bool(folders & set(paths))


@pytest.mark.parametrize("shell", SHELLS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(block(), min_size=1, max_size=4))
def test_a_shell_and_the_parser_make_the_same_files(
    shell: str, blocks: list[tuple[str, str]]
) -> None:
    paths = [path for path, _ in blocks]
    assume(not _has_clash([*paths, "some/folder/x"]))
    answer = "\n# text between blocks\n".join(text for _, text in blocks)
    files = replay(read(answer), {})
    assert _run(shell, answer, paths) == {p: t.encode() for p, t in files.items()}
    assert set(codes(read(answer))) <= {"possible_missing_marker", "orphan_marker"}


CONTENTS = st.tuples(st.lists(LINES, max_size=5), st.booleans()).map(
    lambda drawn: "\n".join(drawn[0]) + ("\n" if drawn[1] else "")
)


@pytest.mark.skipif(not shutil.which("patch"), reason="there is no patch(1) here")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=3))
def test_a_shell_makes_the_same_files_of_what_is_written(files: dict[str, str]) -> None:
    assume(not _has_clash(list(files)))
    answer = serialize(files)
    written = {path: text.encode() for path, text in files.items()}
    assert _run("sh", answer, list(files)) == written
