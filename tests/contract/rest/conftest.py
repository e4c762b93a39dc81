"""What most tests of REST begin with."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.backend import Backend


@pytest.fixture
def ada(backend: Backend) -> Iterator[httpx.Client]:
    """Somebody who is signed in."""
    with backend.person() as person:
        yield person
