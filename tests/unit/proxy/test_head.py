"""Which heads are refused before anything else reads them."""

import pytest

from proxy.errors import Refused
from proxy.head import check_characters, check_lines, check_request
from proxy.headers import Headers

HOST: Headers = [(b"Host", b"localhost:3000")]


def refusal(
    headers: Headers,
    method: bytes = b"GET",
    target: bytes = b"/",
    version: bytes = b"1.1",
) -> int:
    with pytest.raises(Refused) as raised:
        check_request(method, target, version, headers)
    return raised.value.status


def test_the_host_is_named_in_lower_case_without_its_port() -> None:
    headers: Headers = [(b"host", b"Name.Preview.LOCALHOST:3000")]
    assert check_request(b"GET", b"/", b"1.1", headers) == "name.preview.localhost"


def test_an_ipv6_host_keeps_its_brackets() -> None:
    assert check_request(b"GET", b"/", b"1.1", [(b"Host", b"[::1]:80")]) == "[::1]"


def test_an_old_client_need_not_name_a_host() -> None:
    assert check_request(b"GET", b"/", b"1.0", []) == ""


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a/b", b"user@host", b"a:b", b"a:80:81", b"a\x80"]
)
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    assert refusal([(b"Host", host)]) == 400


def test_two_hosts_are_refused() -> None:
    assert refusal([*HOST, *HOST]) == 400


def test_a_missing_host_is_refused() -> None:
    assert refusal([]) == 400


def test_connect_is_refused() -> None:
    assert refusal(HOST, method=b"CONNECT") == 405


@pytest.mark.parametrize("target", [b"http://localhost/", b"localhost:80", b"api"])
def test_a_target_that_is_no_path_is_refused(target: bytes) -> None:
    assert refusal(HOST, target=target) == 400


@pytest.mark.parametrize("value", [b"-1", b"+5", b"5, 5", b"0x10", b"", b"1" * 30])
def test_a_length_that_is_not_one_number_is_refused(value: bytes) -> None:
    assert refusal([*HOST, (b"Content-Length", value)]) == 400


def test_two_equal_lengths_are_refused() -> None:
    length = (b"Content-Length", b"5")
    assert refusal([*HOST, length, length]) == 400


def test_length_and_chunks_together_are_refused() -> None:
    both = [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")]
    assert refusal([*HOST, *both]) == 400


def test_chunks_of_an_old_client_are_refused() -> None:
    assert refusal([*HOST, (b"Transfer-Encoding", b"chunked")], version=b"1.0") == 400


@pytest.mark.parametrize(
    "coding", [b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked"]
)
def test_an_unknown_coding_is_refused(coding: bytes) -> None:
    assert refusal([*HOST, (b"Transfer-Encoding", coding)]) == 501


def test_a_hundred_and_one_headers_are_refused() -> None:
    assert refusal([*HOST, *[(b"X", b"1")] * 100]) == 431


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n",
    ],
)
def test_characters_that_readers_differ_about_are_refused(head: bytes) -> None:
    with pytest.raises(Refused):
        check_characters(head, 0, len(head))


def test_only_the_part_that_is_asked_about_is_looked_at() -> None:
    check_characters(b"\x00GET /\x00", 1, 6)


@pytest.mark.parametrize("blank", [b" ", b"\t"])
def test_a_folded_line_is_refused(blank: bytes) -> None:
    with pytest.raises(Refused):
        check_lines(b"GET / HTTP/1.1\r\nHost: a\r\n" + blank + b"b\r\n\r\n")
