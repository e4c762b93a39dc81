"""What a person is told of the end of a command."""

import pytest

from sandbox.domain.ending import ending


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (128, "exit code 128"),
        (137, "ended by SIGKILL"),
        (139, "ended by SIGSEGV"),
        (143, "ended by SIGTERM"),
        (255, "exit code 255"),
    ],
)
def test_an_end_is_told_in_words(code: int, said: str) -> None:
    assert ending(code) == said
    assert ending(code, "it used too much") == "it used too much"
