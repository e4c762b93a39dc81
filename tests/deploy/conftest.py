"""An engine that has the bases of our images."""

from collections.abc import Iterator

import pytest

from tests.deploy import bases
from tests.support.engine import EngineServer, cannot_run
from tests.support.npm import ROOT
from tests.support.servers import server_folder


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Where it listens; images stay from one session to the next."""
    reason = cannot_run() or bases.cannot_make()
    if reason is not None:
        pytest.skip(reason)
    data = ROOT / ".cache" / "deploy" / "engine"
    data.mkdir(parents=True, exist_ok=True)
    with (
        server_folder() as folder,
        EngineServer(folder, data=data, publishes=True) as server,
    ):
        bases.make(server.url)
        yield server.url
