"""What can go wrong between the SDK and its server; none of it ever reaches the application."""


class ClientFault(Exception):
    """The root of everything `on_error` may be told about."""


class Unreachable(ClientFault):
    """No answer: refused, timed out, broken off, or not our protocol."""


class Unavailable(ClientFault):
    """The server answered that it cannot serve us now."""

    def __init__(self, status: int, retry_after: float | None, detail: str = "") -> None:
        super().__init__(f"the server answered {status}{': ' if detail else ''}{detail}")
        self.status = status
        self.retry_after = retry_after


class KeyRefused(ClientFault):
    """The server does not accept this key: revoked, unknown, or of the wrong kind."""


class HandshakeRefused(ClientFault):
    """A plain HTTP answer where a WebSocket was asked for."""

    def __init__(self, status: int, retry_after: str | None = None) -> None:
        super().__init__(f"the stream was answered with HTTP {status}")
        self.status = status
        self.retry_after = retry_after


class SocketClosed(ClientFault):
    """The stream is over; `code` is the WebSocket close code (1006 when there was none)."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the stream closed with {code}{': ' if reason else ''}{reason}")
        self.code = code
        self.reason = reason


class SnapshotRejected(ClientFault):
    """A snapshot arrived that must not be used; the one in use stays."""


class EventsRejected(ClientFault):
    """The server refused some events of a batch for good."""


class ListenerFailed(ClientFault):
    """A function given to `on_change` raised."""
