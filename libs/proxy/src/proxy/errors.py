"""Why an exchange ends early.

ProxyError
|-- Refused         the client's request is not one we pass on; it gets an answer
|-- ClientGone      nobody is left to answer
`-- UpstreamBroken  the service behind broke off or does not speak HTTP
"""


class ProxyError(Exception):
    """Base of what this package raises."""


class Refused(ProxyError):
    """The request is malformed, too large or ambiguous; *status* and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class ClientGone(ProxyError):
    """The client closed the connection or broke off its body."""


class UpstreamBroken(ProxyError):
    """The service behind ended its answer before it was complete."""
