"""REST of language models: which ones can be chosen."""

from litestar import Response, Router, get
from msgspec import Struct, structs

from api.domain.scope import Needs
from api.entrypoints.http.body import json_response
from api.entrypoints.http.errors import AnyRequest
from api.entrypoints.http.operation import Operation
from api.entrypoints.http.security import Security
from api.entrypoints.http.shared import Shared
from api.ports import Agent


class ModelBody(Struct, frozen=True, rename="camel"):
    """A language model; what is null its provider does not say."""

    id: str
    name: str
    context_tokens: int | None
    prompt_usd: float | None
    """For a million tokens."""
    completion_usd: float | None
    """For a million tokens."""
    sees_images: bool
    plans: bool
    """Whether it answers in JSON of a given schema."""


class ModelList(Struct, frozen=True, rename="camel"):
    """All models, and who works where a project's settings name none."""

    models: list[ModelBody]
    design_models: list[str]
    write_models: list[str]


_EXAMPLE = ModelBody(
    id="example/writer",
    name="Example: Writer",
    context_tokens=200_000,
    prompt_usd=3.0,
    completion_usd=15.0,
    sees_images=True,
    plans=True,
)

LIST = Operation(
    id="listModels",
    tag="models",
    about="The language models that a project's settings may name",
    needs=Needs.READ,
    answer=ModelList,
    example=ModelList([_EXAMPLE], [_EXAMPLE.id], [_EXAMPLE.id]),
)


class ModelDoor(Shared):
    """The request for models."""

    def __init__(self, security: Security, agent: Agent) -> None:
        self._security = security
        self._agent = agent

    async def list_all(self, request: AnyRequest) -> Response[bytes]:
        """Answer with all models."""
        await self._security.caller(request)
        found = await self._agent.models()
        models = [ModelBody(**structs.asdict(one)) for one in found.models]
        return json_response(ModelList(models, found.design_models, found.write_models))


def model_routes(security: Security, agent: Agent) -> Router:
    """Return the handler of /api/models."""
    door = ModelDoor(security, agent)
    return Router("/api/models", route_handlers=[get("/", opt=LIST.opt)(door.list_all)])
