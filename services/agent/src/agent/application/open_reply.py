"""The answer to a question on its way to screens."""

from uuid import UUID

from agent.domain.prompting.reply import ReplyReader
from contracts import subjects
from contracts.codec import encode
from contracts.progress import ReplyText
from eventcore.ports import Bus


class OpenReply:
    """Shows the answer in a plan as far as it has come."""

    def __init__(self, bus: Bus, project_id: UUID, message_id: UUID) -> None:
        self._bus = bus
        self._subject = subjects.reply(project_id)
        self._message_id = message_id
        self._reader = ReplyReader()
        self._offset = 0

    def add(self, text: str) -> None:
        """Take more of the plan; show what it adds to the answer."""
        fresh = self._reader.feed(text)
        if fresh:
            message = ReplyText(self._message_id, self._offset, fresh)
            self._offset += len(fresh)
            self._bus.publish(self._subject, encode(message))
