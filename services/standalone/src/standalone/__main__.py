"""`python -m standalone`: what `make run` runs."""

import sys

from standalone.supervision.guardian import guard


def _main() -> int:
    # Imported in the child, so that the guardian above it stays as small as it is.
    from standalone.run import main  # noqa: PLC0415 - see above

    return main()


if __name__ == "__main__":
    sys.exit(guard(_main))
