"""Answering which language models there are."""

from agent.ports import Catalog
from contracts.requests import Models, ModelsAnswer


class ModelList:
    """Knows the provider's models and those that are configured."""

    def __init__(
        self,
        catalog: Catalog,
        design_models: tuple[str, ...],
        write_models: tuple[str, ...],
    ) -> None:
        self._catalog = catalog
        self._design_models = design_models
        self._write_models = write_models

    async def answer(self) -> ModelsAnswer:
        """Return all models.

        Raises:
            Unavailable: The provider does not say.

        """
        return Models(
            models=await self._catalog.models(),
            design_models=list(self._design_models),
            write_models=list(self._write_models),
        )
