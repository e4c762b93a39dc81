"""Checks of our own processes and of the language model."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import msgspec

from standalone.doctor.finding import Finding, fine, note, problem
from standalone.doctor.machine import is_running
from standalone.run import TARGETS
from standalone.settings import Settings

_OPENROUTER = "https://openrouter.ai/api/v1"
_LATE_S = 5.0
_LAG = re.compile(r'^agent_relay_lag_seconds\{shard="(\d+)"\} (\S+)$', re.MULTILINE)


async def services(settings: Settings) -> AsyncIterator[Finding]:
    """Look at what runs from the data directory."""
    file = settings.data_dir / TARGETS
    if not is_running(settings.data_dir) or not file.is_file():
        yield note("Services", "Atelier does not run here: they are not looked at.")
        return
    targets = msgspec.json.decode(file.read_bytes())
    urls = {one["labels"]["job"]: f"http://{one['targets'][0]}" for one in targets}
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        for name, url in urls.items():
            yield await _ready(http, name, url)
        for shard, lag in _LAG.findall(await _get(http, f"{urls['agent']}/metrics")):
            yield _relay(shard, float(lag))
        about = await _get(http, f"{urls['sandbox']}/isolation")
        if about:
            yield _isolation(msgspec.json.decode(about))


async def _ready(http: httpx.AsyncClient, name: str, url: str) -> Finding:
    try:
        answer = await http.get(f"{url}/ready")
    except httpx.HTTPError:
        return problem(name, f"It does not answer: read {name} in the output.")
    if answer.status_code != HTTPStatus.OK:
        return problem(name, f"It is not ready: {answer.text.strip()}.")
    return fine(name, "It is ready.")


async def _get(http: httpx.AsyncClient, url: str) -> str:
    try:
        return (await http.get(url)).text
    except httpx.HTTPError:
        return ""


def _relay(shard: str, lag_s: float) -> Finding:
    if lag_s > _LATE_S:
        return problem(
            "Relay",
            f"Events of shard {shard} have waited {lag_s:.0f} s: see whether NATS has "
            "room and what the agent says of it.",
        )
    return fine("Relay", f"All events of shard {shard} are published.")


def _isolation(about: dict[str, object]) -> Finding:
    summary = str(about.get("summary", "The sandbox does not say."))
    if all(about.get(name) for name in ("files", "processes", "network")):
        return fine("Isolation", f"{summary}.")
    return note("Isolation", f"{summary}. Let only people in who trust each other.")


async def model(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the language model's server whether it takes our key."""
    about = "Model"
    if settings.with_demo_model:
        yield note(about, "No OPENROUTER_API_KEY: the built-in demo model answers.")
        return
    base = (settings.openrouter_base_url or _OPENROUTER).rstrip("/")
    host = urlsplit(base).hostname or ""
    # OpenRouter lists its models to everybody; only this needs the key.
    path = "/key" if f".{host}".endswith(".openrouter.ai") else "/models"
    key = settings.openrouter_api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=10) as http:
            answer = await http.get(f"{base}{path}", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        yield problem(about, f"{host or base} cannot be reached: {exc or 'silence'}.")
        return
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        yield problem(about, f"{host} refuses OPENROUTER_API_KEY: take a new one.")
    elif answer.status_code == HTTPStatus.NOT_FOUND:
        yield note(about, f"{host} answers, and does not say whether it takes the key.")
    elif answer.status_code != HTTPStatus.OK:
        yield problem(about, f"{host} answers with status {answer.status_code}.")
    else:
        yield fine(about, f"{host} answers and takes the key.")
