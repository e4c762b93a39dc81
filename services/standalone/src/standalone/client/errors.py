"""Why a command of the command line failed."""


class CommandFailed(Exception):
    """One sentence for the person who gave the command; exit code 1."""
