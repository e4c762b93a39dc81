"""Requests with a key: answered once, and the same again."""

from uuid import UUID

from api.application.errors import Busy
from api.ports import Answers, Seal
from eventcore.errors import Rejected


class Once:
    """Keeps answers for a day, encrypted; some of them show secrets."""

    def __init__(self, answers: Answers, seal: Seal) -> None:
        self._answers = answers
        self._seal = seal

    async def begin(self, request: bytes, key: bytes | None) -> bytes | None:
        """Return the answer that *request* has, or None: then it is ours to answer.

        *request* is a digest of all that makes two requests the same, *key* one of what
        tells them apart that have the same key; None: nobody has shown whose it is.

        Raises:
            Rejected: The key is that of another request.
            Busy: It is being answered at this moment.
            Unavailable: The database does not answer.

        """
        if key is not None and not await self._answers.claim(key, request):
            raise Rejected(
                "invalid_message_data",
                "This Idempotency-Key is that of another request",
            )
        is_ours, answer = await self._answers.begin(request)
        if is_ours:
            return None
        if answer is None:
            raise Busy
        return self._seal.open(answer, request)

    async def begin_anew(self, request: bytes) -> bool:
        """Take back the answer that *request* has; False where another one was faster.

        Raises:
            Unavailable: The database does not answer.

        """
        return await self._answers.begin_anew(request)

    async def keep(
        self, request: bytes, answer: bytes, project_id: UUID | None
    ) -> None:
        """Give *answer* from now on, as long as there is the project it tells of."""
        sealed = self._seal.close(answer, request)
        await self._answers.keep(request, sealed, project_id)

    async def forget(self, request: bytes, key: bytes | None) -> None:
        """Let the request be tried again: it came to nothing. Its key is free then."""
        await self._answers.forget(request, key)
