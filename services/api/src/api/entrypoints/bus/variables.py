"""Questions on the bus about what an app finds in its environment."""

from api.application import metrics
from api.application.projects.variables import VariablesOfApps
from chassis import logs
from contracts import codec, subjects
from contracts.requests import GetVariables, Refused
from eventcore.errors import Unavailable
from eventcore.ports import Bus, Headers

_MALFORMED = codec.encode(
    Refused("invalid_message_data", "The request is not understood.")
)
_MISPLACED = codec.encode(
    Refused("invalid_message_data", "The subject names another project.")
)
_UNAVAILABLE = codec.encode(Refused("unavailable", "Try again in a moment."))

_questions = codec.decoder(GetVariables)
_log = logs.get(__name__)


async def serve_variables(bus: Bus, variables: VariablesOfApps) -> None:
    """Answer the sandbox, together with all other processes of the api."""

    async def answer(subject: str, body: bytes, _: Headers) -> bytes:
        try:
            project_id = _questions.decode(body).project_id
        except codec.Malformed:
            metrics.REFUSED.labels("variables").inc()
            return _MALFORMED
        if subject != subjects.variables(project_id):
            metrics.REFUSED.labels("variables").inc()
            return _MISPLACED
        try:
            return codec.encode(await variables.of_app(project_id))
        except Unavailable as error:
            _log.warning("variables cannot be read", reason=str(error))
            return _UNAVAILABLE

    await bus.serve(subjects.VARIABLES, subjects.API_QUEUE, answer)
