"""The WebSocket client against a real server, and against peers that break the protocol."""

import base64
import contextlib
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from wayfork.client import websocket
from wayfork.client.errors import HandshakeRefused, SocketClosed, Unreachable
from wayfork.client.websocket import BadFrame, connect, decode, encode, masked

LIMIT = 4 * 1024 * 1024


def opened(url: str, limit: int = LIMIT, timeout: float = 3.0, headers=None):
    return connect(url, headers or {}, timeout=timeout, max_message_bytes=limit)


@pytest.fixture
def served():
    """Run a connection handler on a real server; gives its address."""
    running = []

    def start(handler, **options) -> str:
        server = serve(handler, "127.0.0.1", 0, **options)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/stream?inline=1"

    yield start
    for server in running:
        server.shutdown()


@pytest.fixture
def raw_peer():
    """A peer that does the handshake by hand and then writes whatever bytes it is given."""
    listeners = []

    def start(*chunks: bytes, answer: bytes | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def talk() -> None:
            peer, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(4096)
            peer.sendall(accepting(head) if answer is None else answer)
            # The client may leave in the middle: that is what some tests are about.
            with contextlib.suppress(OSError):
                for chunk in chunks:
                    peer.sendall(chunk)
                    time.sleep(0.02)
                peer.recv(4096)
            peer.close()

        threading.Thread(target=talk, daemon=True).start()
        return f"ws://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        listener.close()


def accepting(head: bytes) -> bytes:
    lines = head.decode().split("\r\n")
    nonce = next(line.split(": ")[1] for line in lines if line.startswith("Sec-WebSocket-Key"))
    proof = hashlib.sha1(nonce.encode() + websocket.MAGIC, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n"
    )


def server_frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    first = (0x80 if final else 0) | opcode
    return struct.pack("!BB", first, len(payload)) + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_a_message_of_any_length_comes_back_whole(served, size):
    def echo(peer):
        for message in peer:
            peer.send(message)

    sock = opened(served(echo, max_size=None))
    text = "ü" * (size // 2) + "x" * (size % 2)
    sock.send(text)
    assert sock.receive(5) == text
    sock.close()


def test_a_large_binary_message_arrives_unchanged(served):
    payload = bytes(range(256)) * 12_000
    sock = opened(served(lambda peer: peer.send(payload)))
    assert sock.receive(5) == payload
    sock.close()


def test_fragments_are_put_together_and_pings_between_them_answered(served):
    ponged = threading.Event()

    def fragmenting(peer):
        def parts() -> Iterator[str]:
            yield "one "
            ponged.set() if peer.ping().wait(2) else None
            yield "two "
            yield "three"

        peer.send(parts())

    sock = opened(served(fragmenting))
    assert sock.receive(5) == "one two three"
    assert ponged.is_set()
    sock.close()


def test_the_headers_of_the_handshake_reach_the_server(served):
    sock = opened(
        served(lambda peer: peer.send(peer.request.headers["Wayfork-App"])),
        headers={"Wayfork-App": "shop"},
    )
    assert sock.receive(5) == "shop"
    sock.close()


def test_a_close_code_and_its_reason_are_told(served):
    sock = opened(served(lambda peer: peer.close(4401, "revoked")))
    with pytest.raises(SocketClosed) as caught:
        sock.receive(5)
    assert (caught.value.code, caught.value.reason) == (4401, "revoked")


def test_our_close_reaches_the_server_with_its_code(served):
    codes = []

    def listening(peer):
        try:
            peer.recv()
        except ConnectionClosed as closed:
            codes.append(closed.rcvd and closed.rcvd.code)

    sock = opened(served(listening))
    sock.close(1000)
    deadline = time.monotonic() + 3
    while not codes and time.monotonic() < deadline:
        time.sleep(0.01)
    assert codes == [1000]


def test_waiting_ends_when_the_time_is_up_and_goes_on_where_it_was(raw_peer):
    frame = server_frame(websocket.TEXT, b"late")
    sock = opened(raw_peer(frame[:3], frame[3:]))
    first = sock.receive(0.01)
    assert first in {None, "late"}
    assert first == "late" or sock.receive(3) == "late"


def test_an_abort_from_another_thread_wakes_the_reader(served):
    release = threading.Event()
    sock = opened(served(lambda peer: release.wait(5)))
    threading.Timer(0.1, sock.abort).start()
    began = time.monotonic()
    with pytest.raises(SocketClosed):
        sock.receive(5)
    assert time.monotonic() - began < 2
    release.set()


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (struct.pack("!BB", 0x81, 0x82) + b"\0\0\0\0hi", 1002),
        (struct.pack("!BB", 0xC1, 2) + b"hi", 1002),
        (struct.pack("!BB", 0x83, 0), 1002),
        (struct.pack("!BB", 0x09, 0), 1002),
        (struct.pack("!BBH", 0x89, 126, 200), 1002),
        (server_frame(websocket.CONTINUATION, b"x"), 1002),
        (
            server_frame(websocket.TEXT, b"a", final=False) + server_frame(websocket.TEXT, b"b"),
            1002,
        ),
        (server_frame(websocket.TEXT, b"\xff\xfe"), 1007),
        (struct.pack("!BBQ", 0x82, 127, 2**40), 1009),
    ],
    ids=[
        "masked by the server",
        "reserved bit",
        "unknown opcode",
        "fragmented ping",
        "long ping",
        "continuation of nothing",
        "text inside a text",
        "not utf-8",
        "declares a terabyte",
    ],
)
def test_a_peer_that_breaks_the_protocol_is_left(raw_peer, chunk, code):
    sock = opened(raw_peer(chunk))
    with pytest.raises(SocketClosed) as caught:
        sock.receive(3)
    assert caught.value.code == code


def test_a_message_over_the_limit_in_pieces_is_refused(raw_peer):
    pieces = [server_frame(websocket.BINARY, b"x" * 100, final=False)]
    pieces += [server_frame(websocket.CONTINUATION, b"x" * 100, final=False)] * 10
    sock = opened(raw_peer(*pieces), limit=500)
    with pytest.raises(SocketClosed) as caught:
        sock.receive(3)
    assert caught.value.code == 1009


def test_a_connection_that_just_ends_has_no_close_code(raw_peer):
    sock = opened(raw_peer(b"\x81"))
    sock.send("bye")
    with pytest.raises(SocketClosed) as caught:
        sock.receive(3)
    assert caught.value.code == 1006


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_handshake_is_unreachable(raw_peer, answer):
    with pytest.raises(Unreachable):
        opened(raw_peer(answer=answer))


def test_a_plain_http_answer_tells_its_status_and_when_to_come_back(raw_peer):
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(HandshakeRefused) as caught:
        opened(raw_peer(answer=answer))
    assert (caught.value.status, caught.value.retry_after) == (503, "7")


def test_a_silent_peer_costs_no_more_than_the_timeout(raw_peer):
    began = time.monotonic()
    with pytest.raises(Unreachable):
        opened(raw_peer(answer=b""), timeout=0.3)
    assert time.monotonic() - began < 1.5


def test_nobody_listening_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable):
        opened(f"ws://127.0.0.1:{port}/")


def test_masking_twice_gives_the_payload_back():
    payload = bytes(range(256)) + b"\0\0\1"
    assert masked(masked(payload, b"\1\2\3\4"), b"\1\2\3\4") == payload
    assert masked(b"\0\0\0\0\0", b"abcd") == b"abcda"


def test_our_frames_are_masked_as_the_rfc_shows():
    assert encode(websocket.TEXT, b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex(
        "818537fa213d7f9f4d5158"
    )


def test_a_half_frame_is_left_in_the_buffer():
    whole = server_frame(websocket.TEXT, b"abc")
    for cut in range(len(whole)):
        buffer = bytearray(whole[:cut])
        assert decode(buffer, LIMIT) is None
        assert buffer == whole[:cut]
    with pytest.raises(BadFrame):
        decode(bytearray(b"\xff\xff"), LIMIT)
