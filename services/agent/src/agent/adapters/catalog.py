"""The provider's list of models, read now and then."""

import asyncio
from typing import Any

import httpx
import msgspec
from typing_extensions import override

from agent.ports import Catalog
from contracts.requests import ModelInfo
from eventcore.errors import Unavailable

_FRESH_S = 3600.0
_AGAIN_S = 60.0
"""After the list could not be had."""
_TIMEOUT_S = 10.0
_MAX_BYTES = 16 * 1024 * 1024
_MAX_MODELS = 5_000
_MAX_TEXT = 200
_MILLION = 1_000_000


class ProviderCatalog(Catalog):
    """Asks ``/models``; what a provider leaves out is not known."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url
        self._models: dict[str, ModelInfo] | None = None
        self._read_at = float("-inf")
        self._failed_at = float("-inf")
        self._reading = asyncio.Lock()

    @override
    async def models(self) -> list[ModelInfo]:
        return list((await self._known()).values())

    @override
    async def find(self, model: str) -> ModelInfo | None:
        try:
            return (await self._known()).get(model)
        except Unavailable:
            return None

    async def _known(self) -> dict[str, ModelInfo]:
        async with self._reading:
            now = asyncio.get_running_loop().time()
            if self._models is not None and now - self._read_at < _FRESH_S:
                return self._models
            if now - self._failed_at >= _AGAIN_S:
                try:
                    self._models, self._read_at = await self._read(), now
                except Unavailable:
                    self._failed_at = now
            if self._models is None:
                raise Unavailable("the provider does not list its models")
            return self._models

    async def _read(self) -> dict[str, ModelInfo]:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                body = await self._body()
            found = msgspec.json.decode(body)
        except (httpx.HTTPError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable("the provider does not list its models") from error
        items = found.get("data") if isinstance(found, dict) else None
        if not isinstance(items, list):
            raise Unavailable("the provider does not list its models")
        infos = [_info(item) for item in items[:_MAX_MODELS] if isinstance(item, dict)]
        return {info.id: info for info in infos if info is not None}

    async def _body(self) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", self._url) as response:
            response.raise_for_status()
            async for received in response.aiter_bytes():
                body += received
                if len(body) > _MAX_BYTES:
                    raise ValueError("more than any list holds")
        return bytes(body)


def _info(item: dict[str, Any]) -> ModelInfo | None:
    id_ = item.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= _MAX_TEXT:
        return None
    name, context = item.get("name"), item.get("context_length")
    pricing, parameters = _part(item, "pricing"), item.get("supported_parameters")
    inputs = _part(item, "architecture").get("input_modalities")
    return ModelInfo(
        id=id_,
        name=name[:_MAX_TEXT] if isinstance(name, str) and name else id_,
        context_tokens=context if isinstance(context, int) and context > 0 else None,
        prompt_usd=_price(pricing.get("prompt")),
        completion_usd=_price(pricing.get("completion")),
        sees_images=not isinstance(inputs, list) or "image" in inputs,
        plans=not isinstance(parameters, list) or "structured_outputs" in parameters,
    )


def _part(item: dict[str, Any], name: str) -> dict[str, Any]:
    part = item.get(name)
    return part if isinstance(part, dict) else {}


def _price(value: object) -> float | None:
    """Return dollars for a million tokens; the provider says them for one."""
    try:
        price = float(value) if isinstance(value, str | int | float) else -1.0
    except ValueError:
        return None
    return price * _MILLION if 0 <= price < 1 else None
