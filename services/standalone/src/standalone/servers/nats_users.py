"""Who may do what on the embedded nats-server: one user for each service."""

import json
from collections.abc import Mapping

from contracts.documents.nats import USERS, nats_accounts, password_variable


def authorization(passwords: Mapping[str, str], *, system_password: str) -> str:
    """Return the part of nats-server's configuration that names users.

    *passwords* are by user; the subjects come from the contracts. Anonymous clients are
    refused, and nobody but the server itself uses the system account.
    """
    known = {**passwords, "system": system_password}
    defined = "".join(
        f"{password_variable(user)}: {json.dumps(known[user])}\n" for user in USERS
    )
    return defined + nats_accounts()
