"""How a command has ended, in words for a person."""

import signal

_SIGNALLED = 128


def ending(code: int, cause: str = "") -> str:
    """Return what the code of a command says: it chose its end, or was given one.

    A *cause* that is known says more.
    """
    if cause:
        return cause
    try:
        name = signal.Signals(code - _SIGNALLED).name
    except ValueError:
        return f"exit code {code}"
    return f"ended by {name}"
