"""An issuer is asked once for all who want to sign in, also while it is silent."""

import asyncio
from typing import Any, cast

from api.adapters.identity.openid import Client, OpenIdIssuer
from eventcore.errors import Unavailable

URL = "https://issuer.example"
DOCUMENT = (
    b'{"issuer":"https://issuer.example",'
    b'"authorization_endpoint":"https://issuer.example/authorize",'
    b'"token_endpoint":"https://issuer.example/token",'
    b'"jwks_uri":"https://issuer.example/keys"}'
)


class Web:
    """An issuer that does not answer until it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.document: bytes | None = None

    async def get(self, url: str) -> bytes:
        assert url == f"{URL}/.well-known/openid-configuration"
        self.asked += 1
        await asyncio.sleep(0)
        if self.document is None:
            raise Unavailable("no answer")
        return self.document


async def begun(issuer: OpenIdIssuer, many: int) -> list[object]:
    """Have many begin at once; return what becomes of each."""
    flow = {"redirect_uri": "r", "state": "s", "nonce": "n", "challenge": "c"}
    all_of_them = [issuer.authorization_url(**flow) for _ in range(many)]
    return await asyncio.gather(*all_of_them, return_exceptions=True)


async def test_a_silent_issuer_is_asked_once_in_a_while_for_all() -> None:
    web, now = Web(), [0.0]
    issuer = OpenIdIssuer(Client(URL, "x", "y"), cast("Any", web), lambda: now[0])
    told = await begun(issuer, 50)
    assert {type(one) for one in told} == {Unavailable}
    assert web.asked == 1
    web.document, now[0] = DOCUMENT, 60.0
    told = await begun(issuer, 50)
    assert {type(one) for one in told} == {str}
    assert web.asked == 2


async def test_what_names_itself_otherwise_is_another_issuer() -> None:
    web = Web()
    web.document = DOCUMENT.replace(
        b'issuer":"https://issuer', b'issuer":"https://evil'
    )
    issuer = OpenIdIssuer(Client(URL, "x", "y"), cast("Any", web), lambda: 0.0)
    assert {type(one) for one in await begun(issuer, 1)} == {Unavailable}
