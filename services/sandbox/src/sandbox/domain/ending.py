"""How a command has ended, in words for a person."""

import signal

_SIGNALLED = 128


def ending(code: int) -> str:
    """Return what the code of a command says: it chose its end, or was given one."""
    try:
        name = signal.Signals(code - _SIGNALLED).name
    except ValueError:
        return f"exit code {code}"
    return f"ended by {name}"
