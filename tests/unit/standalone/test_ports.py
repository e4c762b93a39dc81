"""Drawing ports."""

import socket

from standalone.ports import free_port


def test_nobody_listens_on_a_port_that_was_drawn() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_a_port_is_not_drawn_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
