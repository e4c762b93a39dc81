"""What the environment says, read once."""

from msgspec import Struct

from chassis.settings import SettingsError

_GOOD_MODEL = "anthropic/claude-sonnet-4.5"
_DEMO_MODEL = "atelier/demo"


class Settings(Struct, frozen=True):
    """Settings of the agent; each is the environment variable of its name."""

    database_url: str
    """Postgres, as the role ``agent``, without a pooler: a lock is a connection."""
    nats_url: str
    """Servers of the bus, with this service's user and password."""
    http_host: str = "127.0.0.1"
    """Address of /health, /ready and /metrics."""
    http_port: int = 3003
    """Port of the same."""
    shards: int = 1
    """Shards that new projects are spread over; one is best on one machine."""
    stream_replicas: int = 1
    """Servers of the bus that keep each event's copy; 3 in a cluster of three or more.
    The log in Postgres is what counts; copies save the time to fill a stream again."""
    openrouter_base_url: str = "https://openrouter.ai/api/v1"
    """Where the language model answers, without ``/chat/completions``."""
    openrouter_api_key: str = ""
    """The provider's key; empty for servers that ask for none."""
    openrouter_model: str = ""
    """The model that writes, unless a project or a run names another one; further ones
    after commas answer where it cannot. Empty: a good one."""
    openrouter_design_model: str = ""
    """The model that plans phases and its fallbacks; empty: those that write."""
    max_run_cost_usd: float = 0.0
    """Dollars that a run may cost where its project says nothing; 0: as administrators
    choose on the page, any amount until they do. So with the four below."""
    max_project_cost_usd: float = 0.0
    """Dollars that all runs of a project may cost where it says nothing."""
    max_run_tokens: int = 0
    """Tokens, read and written, of a run where its project says nothing."""
    max_user_day_cost_usd: float = 0.0
    """Dollars that the projects of one person may cost a day, in UTC."""
    max_day_cost_usd: float = 0.0
    """Dollars that all projects may cost a day."""
    demo_model: bool = False
    """Whether the built-in model answers, which has a name of its own."""
    model_streams_plans: bool = False
    """Whether a server other than OpenRouter is asked to stream JSON of a schema, so
    that answers to questions are seen as they are written."""
    model_connect_s: float = 10.0
    """Seconds until a connection to the model's server stands."""
    model_first_byte_s: float = 60.0
    """Seconds until the first byte of a streamed answer; comments count."""
    model_first_token_s: float = 120.0
    """Seconds until its first token; comments, with which a provider keeps a call that
    waits in its queue alive, do not count."""
    model_silence_s: float = 45.0
    """Seconds without a token in the middle of an answer."""
    model_whole_s: float = 300.0
    """Seconds for a whole call, its repetitions included."""
    service_per_s: float = 50.0
    """Requests a second that this process takes of a service outside; more are refused
    with ``rate_limited``, so that one that floods delays nobody else."""
    service_burst: int = 200
    """Requests that it takes at once after a while of silence."""
    max_runs: int = 16
    """Runs that this process drives at a time; each may hold a project in memory."""
    hot_projects: int = 128
    """Folded projects that are kept in memory, the ones used last."""
    lease_ttl_s: float = 10.0
    """Seconds after its death until another worker takes over a worker's run."""
    scan_s: float = 2.0
    """Seconds between two looks for runs that nobody drives."""
    model_pause_s: float = 1.0
    """Seconds before a call that came to nothing is made again; doubled each time."""
    model_longest_wait_s: float = 900.0
    """Seconds that a run waits for a provider that wants no call for a while; one that
    wants more ends the run."""
    erase_after_s: float = 3600.0
    """Seconds until what was recorded of a deleted project is erased. An hour: whoever
    deletes expects it gone, and sandboxes, gateways and relays that were away for a
    while shall hear of the end first; who was away for longer learns it by asking."""
    sandbox_away_s: float = 120.0
    """Seconds that the sandbox service may be away before a run fails."""

    def __post_init__(self) -> None:
        """Refuse a key that cannot be sent, without repeating it.

        Raises:
            SettingsError: It has a character that no header can hold.

        """
        if any(not "!" <= character <= "~" for character in self.openrouter_api_key):
            raise SettingsError(
                "OPENROUTER_API_KEY has a character that no key has, such as a space "
                "or a line break: copy it once more."
            )

    @property
    def write_models(self) -> tuple[str, ...]:
        """The model that writes, and those that answer where it cannot."""
        default = _DEMO_MODEL if self.demo_model else _GOOD_MODEL
        return _names(self.openrouter_model) or (default,)

    @property
    def design_models(self) -> tuple[str, ...]:
        """The model that plans, and those that answer where it cannot."""
        return _names(self.openrouter_design_model) or self.write_models


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
