"""What a webhook may be, how a call is signed, and when it is made again."""

from base64 import b64decode
from datetime import timedelta
from typing import Any, cast

import pytest

from api.domain.webhook import (
    RETRIES,
    checked_url,
    is_public,
    retry_after,
    shown_secret,
    signed_headers,
)
from eventcore.errors import Rejected


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0"),  # noqa: S104 - an example
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2001:0:1::1", "2001:db8::1", "64:ff9b::a9fe:a9fe"),
    ],
)
def test_an_address_of_ones_own_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.org", "http://example.org:8080/a?b=c", "https://[2606::1]/"),
        "https://xn--bcher-kva.example/",
    ],
)
def test_an_address_of_the_web_is_kept_as_it_is(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "https://",
            "//example.org",
            "https://a@b",
            "https://b#c",
        ),
        *("https://example.org:25", "https://example.org:0", "https://ex ample.org"),
        *("https://bücher.example", "https://example.org\r\nx: y", "https://[", "\0"),
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(Rejected):
        checked_url(url)


def test_a_call_is_signed_as_the_specification_does() -> None:
    # The example with which libraries of Standard Webhooks test themselves.
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    id_ = cast("Any", "msg_p5jXN8AQM9LWM0D4loKWxJek")
    headers = signed_headers(id_, 1_614_265_330, b'{"test": 2432232314}', secret)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_shown_as_receivers_know_it() -> None:
    assert shown_secret(b"secret") == "whsec_c2VjcmV0"


def test_each_failure_waits_longer_and_the_last_gives_up() -> None:
    waits = [retry_after(attempts, 0) for attempts in range(1, len(RETRIES) + 2)]
    assert waits == [*RETRIES, None]
    assert list(RETRIES) == sorted(RETRIES)


def test_those_that_failed_together_come_back_apart() -> None:
    assert retry_after(1, 1) == timedelta(seconds=6)
