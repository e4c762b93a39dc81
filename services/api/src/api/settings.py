"""What the environment says, read once."""

from pathlib import Path

from msgspec import Struct

from api.domain.admission import SignUp

_STATIC = Path(__file__).parent / "static"


class Settings(Struct, frozen=True):
    """Settings of the api; each is the environment variable of its name."""

    database_url: str
    """Postgres, as the role ``api``."""
    nats_url: str
    """Servers of the bus, with this service's user and password."""
    secret_key: str = ""
    """What the api signs and encrypts with. Empty: one that is made at each start, with
    which one process alone works, and nothing that was signed before a restart."""
    http_host: str = "127.0.0.1"
    """Address of everything that is served."""
    http_port: int = 3001
    """Port of the same; people come through the one door."""
    public_url: str = "http://localhost:3000"
    """The one door; requests that pages elsewhere cause are refused."""
    preview_domain: str = "preview.localhost"
    """Below it each preview has a host name, which the page may show in a frame."""
    demo_model: bool = False
    """Whether the built-in model answers; the page says so."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses and networks (``10.0.0.0/8``) whose X-Forwarded-For is believed: those
    of the one door."""
    shards: int = 1
    """How many streams of events there are; the same number as the agent's."""
    static_dir: Path = _STATIC
    """The built web client."""
    body_memory_bytes: int = 128 << 20
    """What bodies of requests may take at once in this process, three quarters of it
    those of files, and no more than half of that one person's; then 503. What is made
    of them takes a few times as much."""
    sign_up: SignUp | None = None
    """Who may make an account: ``open``, ``invite`` or ``closed``; the first one always
    may. None: as administrators choose on the page, open until they do."""
    sign_in_failures_per_minute: int = 10
    """Failed sign-ins for one account from one address; then 429. Success is free."""
    address_failures_per_minute: int = 60
    """Failed sign-ins from one address, whatever the account."""
    sign_ups_per_minute: int = 300
    """New accounts from one address."""
    projects_per_minute: int = 120
    """New projects of one person."""
    oidc_issuer: str = ""
    """URL of a server of OpenID Connect; sign-in there is off until this, the id and
    the secret are set."""
    oidc_client_id: str = ""
    """What the issuer calls us."""
    oidc_client_secret: str = ""
    """How it knows us."""
    oidc_name: str = "Single sign-on"
    """What the page calls it."""
    webhooks_to_private_addresses: bool = False
    """Whether webhooks may go to addresses of one's own network, and this machine's."""

    imports_from_private_addresses: bool = False
    """Whether repositories may be fetched from such addresses."""
    imports_per_minute: int = 10
    """Repositories fetched for one person."""

    @property
    def has_issuer(self) -> bool:
        """Whether people can sign in elsewhere."""
        return bool(
            self.oidc_issuer and self.oidc_client_id and self.oidc_client_secret
        )
