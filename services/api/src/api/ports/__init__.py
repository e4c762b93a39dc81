"""What the api needs from the world, and every error each part may raise.

Belongs here: protocols, named by need. Does not belong here: who fulfils them.
"""

from api.ports.archives import Archives, History, Person, TooLarge
from api.ports.identity import (
    Accounts,
    Administration,
    Answers,
    Issuer,
    Logins,
    NotOurs,
    Passwords,
    Seal,
    Tokens,
)
from api.ports.imports import Repositories, Unpacker
from api.ports.page import (
    Apps,
    PageFile,
    PageFiles,
)
from api.ports.projects import (
    Agent,
    GrantSource,
    ProjectStore,
    ProjectViews,
    Turns,
    UsageViews,
)
from api.ports.vault import Vault
from api.ports.webhooks import (
    DeliveryQueue,
    Undeliverable,
    WebhookCaller,
    Webhooks,
)

__all__ = [
    "Accounts",
    "Administration",
    "Agent",
    "Answers",
    "Apps",
    "Archives",
    "DeliveryQueue",
    "GrantSource",
    "History",
    "Issuer",
    "Logins",
    "NotOurs",
    "PageFile",
    "PageFiles",
    "Passwords",
    "Person",
    "ProjectStore",
    "ProjectViews",
    "Repositories",
    "Seal",
    "Tokens",
    "TooLarge",
    "Turns",
    "Undeliverable",
    "Unpacker",
    "UsageViews",
    "Vault",
    "WebhookCaller",
    "Webhooks",
]
