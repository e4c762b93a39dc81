"""The sockets of the one door."""

import os
import socket

import pytest

from standalone.errors import CannotStart
from standalone.machine.door import open_door
from standalone.ports import free_port


def test_localhost_is_every_loopback_address_there_is() -> None:
    port = free_port()
    sockets = open_door("localhost", port)
    addresses = [one.getsockname()[0] for one in sockets]
    for one in sockets:
        one.close()
    assert addresses in (["127.0.0.1", "::1"], ["127.0.0.1"])


def test_a_taken_port_is_told_with_the_process_that_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart) as raised:
            open_door("localhost", port)
    sentence = str(raised.value)
    assert f"Port {port} is in use by " in sentence
    assert f"(process {os.getpid()})" in sentence
    assert f"PORT={port + 1} make run" in sentence


def test_a_port_that_is_taken_on_the_other_loopback_address_counts() -> None:
    try:
        taken = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with taken, pytest.raises(CannotStart, match="is in use"):
        open_door("localhost", taken.getsockname()[1])


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(CannotStart, match=r"^Cannot listen on 192\.0\.2\.1:"):
        open_door("192.0.2.1", free_port())
