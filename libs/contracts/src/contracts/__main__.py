"""``python -m contracts [ROOT]`` writes the generated documents below ROOT."""

import sys
from pathlib import Path

from contracts.documents import asyncapi, json_schema, typescript
from contracts.documents.nats import nats_accounts
from contracts.documents.schema import BROWSER_MESSAGES, BUS_MESSAGES


def documents() -> dict[str, str]:
    """Return the text of every generated file by its path in the repository."""
    return {
        "deploy/nats/accounts.conf": f"include ./passwords.conf\n{nats_accounts()}",
        "docs/contracts/asyncapi.json": asyncapi(),
        "docs/contracts/bus.schema.json": json_schema("Atelier on NATS", BUS_MESSAGES),
        "docs/contracts/websocket.schema.json": json_schema(
            "Atelier on the WebSocket", BROWSER_MESSAGES
        ),
        "services/web/src/contract.ts": typescript(),
    }


def main() -> None:
    """Write what is stale."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, text in documents().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
