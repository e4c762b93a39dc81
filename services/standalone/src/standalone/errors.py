"""Why Atelier cannot start."""


class CannotStart(Exception):
    """One sentence a person can act on; printed as it is, without a traceback."""
