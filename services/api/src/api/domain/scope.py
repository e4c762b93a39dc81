"""What a request may do: the scopes of tokens, and what each route asks for."""

from enum import StrEnum


class Scope(StrEnum):
    """What an API token may do."""

    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"


class Needs(StrEnum):
    """What a route asks of whoever calls it."""

    NOTHING = "nothing"
    READ = "projects:read"
    """A session, or a token with this scope."""
    WRITE = "projects:write"
    """The same."""
    SESSION = "session"
    """A person who is signed in: no token may make tokens or end sessions."""
    ADMINISTRATOR = "administrator"
    """The same, and an administrator."""
