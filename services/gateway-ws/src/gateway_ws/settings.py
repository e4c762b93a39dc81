"""What the environment says, read once."""

from msgspec import Struct


class Settings(Struct, frozen=True):
    """Settings of the gateway; each is the environment variable of its name."""

    nats_url: str
    """Servers of the bus, with this service's user and password."""
    http_host: str = "127.0.0.1"
    """Address of sockets, /health, /ready and /metrics."""
    http_port: int = 3002
    """Port of the same."""
    public_url: str = "http://localhost:3000"
    """Where browsers find the page; sockets from pages elsewhere are refused."""
