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
    sockets_per_user: int = 20
    """Open at a time in this process; each tab of a browser has one.

    It protects what a process has, and each replica brings more of that: so it counts
    for itself. A count of all replicas would have to be asked for at each connection,
    would outlive a replica that was killed, and would let in nobody or everybody while
    the bus is away. What holds over all of them belongs to the proxy before them.
    """
    sockets_per_address: int = 200
    """The same for an address: whole offices come from one."""
    handshake_s: float = 10.0
    """Seconds for the head of a request, and again until it is clear who asks."""
    ping_s: float = 20.0
    """Seconds of silence after which a client is asked for a sign of life."""
    pong_s: float = 20.0
    """Seconds after that in which it has to give one."""
    stall_s: float = 30.0
    """Seconds in which a client has to take something, if something waits for it."""
    backlog_mb: int = 256
    """What may wait for all slow clients together; more closes the next slow one."""
    verify_s: float = 60.0
    """Seconds after which a session is verified again at the latest."""
    unverified_s: float = 600.0
    """Seconds for which sockets are kept when the api does not answer about them."""
    drain_s: float = 3.0
    """Over so many seconds goodbyes are spread, so that not all come back at once."""
