"""The bus takes the passwords that are made for it."""

import shutil
import sys
from pathlib import Path

import pytest

from contracts.documents.nats import USERS, password_variable
from tests.integration.deploy.tools import DEPLOY, make_secrets, run

SERVERS = "nats-0.nats.atelier:4222 nats-1.nats.atelier:4222"


@pytest.mark.parametrize("kind", ["single", "cluster"])
def test_the_server_takes_its_configuration(tmp_path: Path, kind: str) -> None:
    make_secrets(tmp_path / "secrets", NATS_SERVERS=SERVERS)
    for source, name in (("passwords", "passwords.conf"), ("routes", "routes.conf")):
        shutil.copy(tmp_path / "secrets" / f"nats-{source}.conf", tmp_path / name)
    for file in (DEPLOY / "nats").glob("*.conf"):
        shutil.copy(file, tmp_path)
    server = Path(sys.executable).with_name("nats-server")
    run(str(server), "-t", "-c", str(tmp_path / f"{kind}.conf"))


def test_every_user_of_the_contracts_has_a_password_and_a_url(tmp_path: Path) -> None:
    make_secrets(tmp_path, NATS_SERVERS=SERVERS)
    passwords = (tmp_path / "nats-passwords.conf").read_text()
    defined = [line.partition(":")[0] for line in passwords.splitlines()]
    assert sorted(defined) == sorted(password_variable(user) for user in USERS)
    for user in set(USERS) - {"system"}:
        first, second = (tmp_path / f"{user}-nats-url").read_text().strip().split(",")
        assert first.startswith(f"nats://{user}:")
        assert second.endswith("@nats-1.nats.atelier:4222")
