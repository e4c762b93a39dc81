"""Who may do what on the embedded nats-server: one user for each service."""

import json
from collections.abc import Mapping

from contracts.subjects import PERMISSIONS, Permissions

_SYSTEM = "system"


def authorization(passwords: Mapping[str, str], *, system_password: str) -> str:
    """Return the part of nats-server's configuration that names users.

    *passwords* are by user; the subjects come from the contracts. Anonymous clients are
    refused, and nobody but the server itself uses the system account.
    """
    users = "\n".join(
        f"      {_user(name, passwords[name], permissions)}"
        for name, permissions in PERMISSIONS.items()
    )
    return f"""\
accounts {{
  SYS {{ users: [ {{ user: {_SYSTEM}, password: {json.dumps(system_password)} }} ] }}
  APP {{
    jetstream {{ max_streams: 64, max_consumers: 512 }}
    users: [
{users}
    ]
  }}
}}
system_account: SYS
"""


def _user(name: str, password: str, permissions: Permissions) -> str:
    fields = {
        "user": json.dumps(name),
        "password": json.dumps(password),
        "publish": json.dumps(list(permissions.publish)),
        "subscribe": json.dumps(list(permissions.subscribe)),
    }
    return (
        "{{ user: {user}, password: {password}, permissions: {{ publish: {publish}, "
        'subscribe: {subscribe}, allow_responses: {{ max: 1, expires: "1m" }} }} }}'
    ).format(**fields)
