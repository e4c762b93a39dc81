"""Following a project that is never silent."""

import asyncio
from datetime import UTC, datetime
from unittest.mock import AsyncMock, Mock
from uuid import uuid4

import msgspec
import pytest

from api.application.delivery import events
from contracts.envelope import Recorded


async def test_whoever_may_not_follow_any_more_is_left_though_there_is_no_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "BEAT_S", 0.0)
    project, user = uuid4(), uuid4()

    async def history(_: object, after: int, **__: object) -> Mock:
        recorded = Recorded(
            id=uuid4(),
            project_id=project,
            seq=after + 1,
            type="project.renamed",
            at=datetime.now(UTC),
            data=msgspec.Raw(b"{}"),
        )
        return Mock(events=[recorded])

    agent = Mock(history=history)
    is_allowed = AsyncMock(side_effect=[True, True, False])
    follower = events.Events(agent, AsyncMock(), asyncio.Event())
    seen = 0
    async for page in follower.follow(user, project, 0, is_allowed):
        seen += len(page)
        assert seen <= 2
    assert seen == 2
