"""A small issuer of OpenID Connect over HTTP, that lies when it is told to."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "atelier"
CLIENT_SECRET = "s3cret/with:colon"  # noqa: S105 - of an issuer that lives for one run
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
_OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


# Of a kind that nobody here understands, as issuers begin to have them.
_OF_TOMORROW = {"kty": "AKP", "kid": "two", "alg": "ML-DSA-65", "pub": "AA"}


class Issuer:
    """Whom it recognizes next, and how its ID token is wrong, if it is."""

    def __init__(self) -> None:
        self.url = ""
        self.person: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        """Put over those of the ID token; None removes one."""
        self.signs_with_another_key = False
        self.said: tuple[int, Any] | None = None
        """What it says instead of giving a token."""
        self.asked: dict[str, dict[str, str]] = {}
        """What each code was given out for."""

    def grant(self, authorization_url: str) -> tuple[str, str]:
        """Return state and code, as a browser gets them that goes to *url*."""
        query = parse_qs(urlsplit(authorization_url).query)
        code = secrets.token_urlsafe(16)
        self.asked[code] = {name: values[0] for name, values in query.items()}
        return self.asked[code]["state"], code

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Answer at the token endpoint."""
        if self.said is not None:
            return self.said
        asked = self.asked.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        encoded = f"{CLIENT_ID}:s3cret%2Fwith%3Acolon".encode()
        expected = f"Basic {base64.b64encode(encoded).decode()}"
        is_good = (
            asked is not None
            and challenge == asked["code_challenge"]
            and form.get("redirect_uri") == asked["redirect_uri"]
            and authorization == expected
        )
        if not is_good or asked is None:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self._token(asked["nonce"]), "token_type": "Bearer"}

    def _token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **self.person,
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        key = _OTHER_KEY if self.signs_with_another_key else _KEY
        return jwt.encode({"alg": "RS256", "kid": "one"}, kept, key)

    def document(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Answer what anybody may know."""
        if path == "/keys":
            return {"keys": [_OF_TOMORROW, _KEY.as_dict(private=False)]}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Lend one, on a free port of this machine."""
    kept = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, kept.document(self.path))

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            form = parse_qs(self.rfile.read(length).decode())
            fields = {name: values[0] for name, values in form.items()}
            authorization = self.headers.get("authorization", "")
            self._answer(*kept.redeem(fields, authorization))

        def _answer(self, status: int, payload: object) -> None:
            body = json.dumps(payload).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
