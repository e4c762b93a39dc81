"""Users of the bus, in the words of nats-server's configuration."""

import json

from contracts.subjects import PERMISSIONS, Permissions

_SYSTEM = "system"
USERS = (*PERMISSIONS, _SYSTEM)
"""Everybody who has a password; nobody else comes in."""


def password_variable(user: str) -> str:
    """Return the name under which the configuration looks for a user's password."""
    return f"{user.upper()}_PASSWORD"


def nats_accounts() -> str:
    """Return the part of nats-server's configuration that names users.

    Passwords are variables, to be defined before this part is read. Nobody but servers
    and whoever looks after them uses the system account.
    """
    users = "\n".join(
        f"      {_user(name, permissions)}" for name, permissions in PERMISSIONS.items()
    )
    system = f"{{ user: {_SYSTEM}, password: ${password_variable(_SYSTEM)} }}"
    return f"""\
# Generated from contracts/subjects.py by `make contracts`.
accounts {{
  SYS {{ users: [ {system} ] }}
  APP {{
    jetstream {{ max_streams: 64, max_consumers: 512 }}
    users: [
{users}
    ]
  }}
}}
system_account: SYS
"""


def _user(name: str, permissions: Permissions) -> str:
    answers = 'allow_responses: { max: 1, expires: "1m" } '
    fields = {
        "user": json.dumps(name),
        "password": f"${password_variable(name)}",
        "publish": json.dumps(list(permissions.publish)),
        "subscribe": json.dumps(list(permissions.subscribe)),
        "answers": f", {answers}" if permissions.answers else " ",
    }
    return (
        "{{ user: {user}, password: {password}, permissions: {{ publish: {publish}, "
        "subscribe: {subscribe}{answers}}} }}"
    ).format(**fields)
