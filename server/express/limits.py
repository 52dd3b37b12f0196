"""Every bound of the transport, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What peers may ask of the server. Each has a test that goes beyond it.

    Attributes:
        message_bytes: The largest message, packed or unpacked. A larger one is refused
            when its length is read, before it is kept.
        connections: Connections at a time; a further one is closed at once.
        streams: Calls at a time on one connection; the peer is told.
        calls: Calls at a time that are not answered at once, on all connections.
        frame_bytes: A frame, 16 KiB at least; the peer is told. A large one is cheap to take, and
            kept until it is whole.
        header_bytes: A header list, as RFC 9113 6.5.2 counts it. A call whose list is larger
            is refused; one several times larger ends the connection.
        held_bytes: What is kept of half-received messages and of answers that their
            callers don't fetch, on all connections.
        connection_held_bytes: The same on one connection.
        stream_window_bytes: What a peer may send ahead on one stream.
        connection_window_bytes: What a peer may send ahead on one connection.
        handshake_seconds: Until the first frame of a connection has come.
        request_seconds: For the rest of a request of one message, and of a frame, when
            nothing more of it comes.
        stall_seconds: For a peer to fetch any of what waits for it, on a stream or, where
            the streams of a connection wait for each other, on the connection.
        keepalive_seconds: Of silence, after which a peer is asked for a sign of life.
        keepalive_timeout_seconds: For that sign.
        idle_seconds: Without any call, after which a connection is told to go.
        patience: How many frames in a row that do no work (pings, settings, resets, empty
            data and the like) are borne; answered calls and passing seconds restore it.
        patience_per_second: How many more are borne each second.
        linger_seconds: How long the server stays awake after a call, for the next one.
        turn_seconds: How long a connection may be answered before others have their turn.
        turn_tasks: How many calls that are not answered at once begin in one such turn at most;
            fewer while what they do takes long.
        burst_seconds: How long turns follow each other before their answers are written.
    """

    message_bytes: int = 64 << 20
    connections: int = 10_000
    streams: int = 1000
    calls: int = 20_000
    frame_bytes: int = 128 << 10
    header_bytes: int = 16 << 10
    held_bytes: int = 1 << 30
    connection_held_bytes: int = 192 << 20
    stream_window_bytes: int = 1 << 20
    connection_window_bytes: int = 16 << 20
    handshake_seconds: float = 10.0
    request_seconds: float = 60.0
    stall_seconds: float = 30.0
    keepalive_seconds: float = 60.0
    keepalive_timeout_seconds: float = 20.0
    idle_seconds: float = 3600.0
    patience: int = 1000
    patience_per_second: int = 500
    linger_seconds: float = 0.0001
    turn_seconds: float = 0.0003
    turn_tasks: int = 4
    burst_seconds: float = 0.001
