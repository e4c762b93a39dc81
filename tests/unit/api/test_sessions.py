"""Word of sessions that have ended reaches everybody, also past a bus that was away."""

from typing import TYPE_CHECKING, cast
from uuid import UUID

from api.entrypoints.bus.sessions import TOLD_AGAIN_S, Endings

if TYPE_CHECKING:
    from eventcore.ports import Bus

ADA, EVE = UUID(int=1), UUID(int=2)


class Ears:
    """A bus that may be away: then what is published is lost."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.is_away = False

    def publish(self, subject: str, body: bytes) -> None:
        assert body == b""
        if not self.is_away:
            self.heard.append(subject)


def test_what_was_told_while_the_bus_was_away_is_told_again() -> None:
    ears, now = Ears(), [0.0]
    endings = Endings(cast("Bus", ears), lambda: now[0])
    ears.is_away = True
    endings.tell(ADA)
    endings.tell(EVE)
    endings.tell(ADA)
    ears.is_away = False
    endings.tell_again()
    assert ears.heard == [f"auth.ended.{EVE}", f"auth.ended.{ADA}"]


def test_what_everybody_knows_by_now_is_not_told_again() -> None:
    ears, now = Ears(), [0.0]
    endings = Endings(cast("Bus", ears), lambda: now[0])
    endings.tell(ADA)
    now[0] = TOLD_AGAIN_S + 1
    endings.tell(EVE)
    endings.tell_again()
    assert ears.heard[2:] == [f"auth.ended.{EVE}"]
