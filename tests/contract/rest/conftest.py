"""What most tests of REST begin with."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.backend import TODO, Backend


@pytest.fixture
def ada(backend: Backend) -> Iterator[httpx.Client]:
    """Somebody who is signed in."""
    with backend.person() as person:
        yield person


@pytest.fixture
def project(ada: httpx.Client) -> str:
    """The path of a new project of hers."""
    return f"/api/projects/{ada.post('/api/projects', json=TODO).json()['id']}"
