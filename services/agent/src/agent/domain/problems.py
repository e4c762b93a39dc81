"""What is wrong with an app, told so that the same trouble is known again."""

import re
from collections.abc import Iterable
from hashlib import sha256

from contracts.project import Problem
from contracts.sandbox import Failed

MAX_PROBLEMS = 20
"""Problems that are recorded at a time; the first ones cause the others."""
_MAX_MESSAGE_CHARS = 4_000

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+")
_ERROR = re.compile(
    r"err|fail|cannot|not found|exception|missing|unexpected", re.IGNORECASE
)


def from_failure(failed: Failed, source: str) -> list[Problem]:
    """Return what a failed step of the sandbox says is wrong."""
    if failed.problems:
        return tidy(failed.problems)
    message = f"{failed.reason}\n{failed.log_tail}".strip()
    return tidy([Problem(source, message)])


def tidy(problems: Iterable[Problem]) -> list[Problem]:
    """Return *problems* without repeats and colours, none of them too long."""
    found: dict[tuple[str, str, str | None, int | None], Problem] = {}
    for one in problems:
        text = _ANSI.sub("", one.message).replace("\0", "").strip()
        # The end says more than the beginning, which names the command.
        if len(text) > _MAX_MESSAGE_CHARS:
            half = _MAX_MESSAGE_CHARS // 2
            text = f"{text[:half]}\n...\n{text[-half:]}"
        problem = Problem(one.source, text, one.path, one.line)
        found.setdefault((one.source, text, one.path, one.line), problem)
    return list(found.values())[:MAX_PROBLEMS]


def fingerprint(problems: Iterable[Problem]) -> str:
    """Return what stays the same when the same trouble comes back.

    Numbers, addresses and hashes differ from one attempt to the next, and so do the
    lines of output that say nothing of an error.
    """
    known = sorted({(one.source, one.path or "", _gist(one)) for one in problems})
    return sha256(repr(known).encode()).hexdigest()[:16]


def sentence(problem: Problem) -> str:
    """Return the problem as the part of a sentence."""
    first = problem.message.split("\n", 1)[0].strip().rstrip(".")
    place = "" if problem.path is None else f" in {problem.path}"
    line = "" if problem.line is None else f", line {problem.line}"
    return f"{first[:300]}{place}{line}"


def _gist(problem: Problem) -> str:
    lines = [line.strip().lower() for line in problem.message.split("\n")]
    telling = [line for line in lines if _ERROR.search(line)] or lines[:1]
    return _VARYING.sub("#", "\n".join(dict.fromkeys(telling)))
