"""Calls to addresses people typed reach public hosts, and never a network of our own."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts import outbound, targets
from config.checks import refuse_unreadable_networks
from tests.accounts.loopback import PUBLIC, Call, Names, canary, drip, flood, receiver, reply

METADATA = "169.254.169.254"
# Hosts that lead to this machine, to its network, or to a cloud's credentials: as numbers in every
# spelling, inside IPv6, as names, and as names with a second answer.
NUMBERS = [
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001",
    "0x7f000001", "0x7f.0.0.1", "0x7F.1", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.0.0.0x1",
    "0", "0.0.0.0", "0.1.2.3", "00000000", "0x0", "10.0.0.1", "10.1", "167772161", "0x0a000001",  # noqa: S104
    "012.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1", "0xc0a80001",
    "3232235521", METADATA, "169.254.1.1", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "169.254.43518", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "168.63.129.16", "1.2.3.4.5", "256.256.256.256", "127.0.0.1.1",
    "999999999999", "0x", "127.0.0.", "127..1", "4294967296",
]  # fmt: skip
INSIDE_SIX = [
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:8.8.8.8]", "[::127.0.0.1]",
    "[::8.8.8.8]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:808:808::1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::808:808]", "[64:ff9b:1::1]",
    "[2001:0:7f00:1::1]", "[2001::1]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[fc00::1]",
    "[fd00::1]", "[fd00:ec2::254]", "[ff02::1]", "[ff05::1:3]", "[100::1]", "[2001:db8::1]",
    "[3fff::1]", "[5f00::1]", "[::1%25lo]", "[::ffff:0:127.0.0.1]", "[1::2::3]", "[127.0.0.1]",
]  # fmt: skip
NAMED = [
    "localhost", "LOCALHOST", "localhost.", "loopback.test", "LOOPBACK.Test", "private.test",
    "metadata.test", "six.test", "mapped.test", "sixtofour.test", "two-answers.test",
    "two-answers-turned.test", "mixed-versions.test", "127.0.0.1.nip.test", "zero.test",
    "multicast.test", "shared.test", "①②⑦.⓪.⓪.①", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "loopback。test", "127。0。0。1",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\uff10x7f.1", "scoped.test",
]  # fmt: skip
RESOLVED = {
    "localhost": ["127.0.0.1"],
    "loopback.test": ["127.0.0.1"],
    "private.test": ["10.1.2.3"],
    "metadata.test": [METADATA],
    "six.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "sixtofour.test": ["2002:7f00:1::"],
    "two-answers.test": [PUBLIC, "127.0.0.1"],
    "two-answers-turned.test": ["127.0.0.1", PUBLIC],
    "mixed-versions.test": [PUBLIC, "fd00::1"],
    "127.0.0.1.nip.test": ["127.0.0.1"],
    "zero.test": ["0.0.0.0"],  # noqa: S104
    "multicast.test": ["224.0.0.251"],
    "shared.test": ["100.64.3.2"],
    "scoped.test": ["fe80::1%lo"],
}
HOSTS = [*NUMBERS, *INSIDE_SIX, *NAMED]
# What is no address to call whatever the host would be.
FORMS = [
    "http://hooks.test/", "ftp://hooks.test/", "file:///etc/passwd", "gopher://hooks.test/",
    "javascript:alert(1)", "data:text/plain,a", "//hooks.test/", "hooks.test", "", " ",
    "https://", "https:///path", "https://:443/", "https://user@hooks.test/",
    "https://user:password@hooks.test/", "https://@hooks.test/", "https://:@hooks.test/",
    "https://hooks.test@127.0.0.1/", "https://127.0.0.1@hooks.test/", "https://hooks.test:22/",
    "https://hooks.test:0/", "https://hooks.test:80/", "https://hooks.test:6379/",
    "https://hooks.test:65536/", "https://hooks.test:-1/", "https://hooks.test:abc/",
    "https://hooks.test\\@127.0.0.1/", "https://hooks.test\\/", "https://127.0.0.1\t/",
    "https://hooks.test/\r\nHost: other", "https://hooks.test/ a", "https://hooks .test/",
    "https://hooks.test\0.local/", "https://ho%6fks.test/", "https://127%2e0%2e0%2e1/",
    "https://-hooks.test/", "https://hooks-.test/", "https://hooks..test/", "https://.test/",
    "https://hooks.test,127.0.0.1/", "https://hooks.test;127.0.0.1/", "https://[::1/",
    "https://::1/", "https://[v1.a]/", "https://" + "a" * 64 + ".test/", "unix:///run/app.sock",
    "https://hooks.test/" + "a" * 2_000, "https://" + "a." * 130 + "test/", "https://xn--/",
    "https://hooks.test:4 43/", "\u200bhttps://hooks.test/", "https://hooks.test/\u202e",
]  # fmt: skip


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The name server of the tests."""
    found = Names({name: [answers] for name, answers in RESOLVED.items()})
    monkeypatch.setattr(targets, "look_up", found)
    return found


@pytest.fixture
def loopback_allowed(settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


def refused(url: str) -> str:
    with pytest.raises(outbound.Refused) as error:
        outbound.check(url)
    return str(error.value)


def test_no_spelling_of_a_forbidden_host_is_ever_connected_to(names, monkeypatch):
    assert len(HOSTS) > 100
    with canary() as (port, heard):
        monkeypatch.setattr(targets, "PORTS", {443, port})
        for host in HOSTS:
            url = f"https://{host}:{port}/latest/meta-data"
            refused(url)
            with pytest.raises(outbound.Refused):
                outbound.send("GET", url)
    assert heard == []


@pytest.mark.parametrize("url", FORMS)
def test_what_is_no_address_to_call_is_refused(names, url: str):
    assert refused(url).endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.test",
        "https://HOOKS.test./path?query=1#part",
        "https://hooks.test:8443/",
        "https://bücher.test/",
        f"https://{PUBLIC}/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://hooks_a.test/T00/B00?sp=%2Ftriggers&sv=1.0&sig=a-_~",
    ],
)
def test_a_public_host_may_be_called(names, url: str):
    outbound.check(url)


def test_the_host_is_known_by_one_spelling(names):
    found = outbound.check("https://Bücher.TEST./übung?q=ä")
    assert (found.host, found.path) == ("xn--bcher-kva.test", "/%C3%BCbung?q=%C3%A4")
    assert found.authority == "xn--bcher-kva.test"


def test_a_name_that_answers_nothing_is_told_as_such(names):
    names.answers["nothing.test"] = [[]]
    with pytest.raises(outbound.Unreachable, match="cannot be found"):
        outbound.check("https://nothing.test/")


def test_a_slow_name_server_is_not_waited_for(names, monkeypatch):
    monkeypatch.setattr(targets, "CONNECT_SECONDS", 0.05)

    def look_up(host: str, port: int) -> list[str]:
        time.sleep(0.3)
        return [PUBLIC]

    monkeypatch.setattr(targets, "look_up", look_up)
    with pytest.raises(outbound.Unreachable):
        outbound.check("https://hooks.test/")


def test_a_refusal_does_not_tell_which_address_a_name_has_inside(names):
    assert "10.1.2.3" not in refused("https://private.test/")


def test_a_name_is_asked_once_for_a_call_and_the_connection_goes_to_that_answer(
    names, loopback_allowed
):
    with receiver() as good:
        names.answers["rebinding.test"] = [["127.0.0.1"], ["10.0.0.1"]]
        answer = outbound.send("GET", f"http://rebinding.test:{good.port}/path")
    assert answer.status == 200
    assert names.asked == ["rebinding.test"]
    assert good.calls[0].headers["host"] == f"rebinding.test:{good.port}"


def test_a_name_that_was_public_when_saved_is_judged_again_when_called(names, monkeypatch):
    with canary() as (port, heard):
        monkeypatch.setattr(targets, "PORTS", {port})
        names.answers["rebinding.test"] = [[PUBLIC], ["127.0.0.1"]]
        outbound.check(f"https://rebinding.test:{port}/")
        with pytest.raises(outbound.Refused):
            outbound.send("POST", f"https://rebinding.test:{port}/")
    assert heard == []


def _redirect(place: str, call: Call, to: BaseHTTPRequestHandler) -> None:
    reply(to, 302, Location=place)


def test_a_redirect_is_an_answer_and_nobody_follows_it(loopback_allowed):
    with receiver() as good, receiver() as other:
        for place in (f"http://{METADATA}/latest/meta-data", other.url):
            good.answer = partial(_redirect, place)
            answer = outbound.send("POST", good.url, body=b"{}")
            assert (answer.status, answer.headers["location"]) == (302, place)
            assert not answer.is_success
    assert other.calls == []


def test_the_request_arrives_as_it_was_given(loopback_allowed, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiver() as good:
        good.answer = lambda call, to: reply(to, 201, b"thanks", **{"Set-Cookie": "a=b"})
        for _ in range(2):
            answer = outbound.send("POST", good.url + "?a=1", headers={"X-A": "b"}, body=b"{}")
    assert (answer.status, answer.body) == (201, b"thanks")
    call = good.calls[1]
    assert (call.method, call.path, call.body) == ("POST", "/hook?a=1", b"{}")
    assert call.headers["x-a"] == "b"
    assert "cookie" not in call.headers


def test_a_receiver_that_drips_is_left_at_the_deadline(loopback_allowed):
    with receiver() as slow:
        slow.answer = drip
        began = time.monotonic()
        with pytest.raises(outbound.Unreachable, match=r"within 0\.4 seconds"):
            outbound.send("GET", slow.url, seconds=0.4)
        assert time.monotonic() - began < 1


def test_a_body_without_end_is_read_no_further_than_the_limit(loopback_allowed):
    with receiver() as endless:
        endless.answer = flood
        with pytest.raises(outbound.Unreachable, match="more than 65,536 bytes"):
            outbound.send("GET", endless.url)
        assert outbound.send("GET", endless.url, limit_bytes=0).body == b""


def test_a_closed_port_is_told_in_a_sentence(loopback_allowed):
    with receiver() as gone:
        url = gone.url
    with pytest.raises(outbound.Unreachable, match="nothing listens"):
        outbound.send("GET", url)


def test_something_that_is_not_http_is_told_in_a_sentence(loopback_allowed):
    with canary() as (port, _heard), pytest.raises(outbound.Unreachable):
        outbound.send("GET", f"http://127.0.0.1:{port}/")


def test_the_operator_opens_a_network_and_no_other(names, settings):
    settings.OUTBOUND_ALLOW = ["10.1.0.0/16", "fd00::/8"]
    assert outbound.check("http://private.test:8080/").address == "10.1.2.3"
    assert outbound.check("http://[fd00::1]/").port == 80
    for host in ("10.2.0.1", "127.0.0.1", "192.168.0.1", "[::1]"):
        refused(f"https://{host}/")
    names.answers["both.test"] = [["10.1.2.3", PUBLIC]]
    refused("http://both.test/")


def test_where_clouds_hand_out_credentials_stays_closed_whatever_is_allowed(names, settings):
    settings.OUTBOUND_ALLOW = ["0.0.0.0/0", "::/0"]
    for host in (METADATA, "metadata.test", "[fe80::1]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"):
        refused(f"https://{host}/")
    refused("https://[64:ff9b::a9fe:a9fe]/")


def test_a_network_that_cannot_be_read_stops_the_start(settings):
    settings.OUTBOUND_ALLOW = ["10.0.0.0/8", "10.0.0.1/8", "everything"]
    assert [error.id for error in refuse_unreadable_networks()] == ["wayfork.E004"] * 2


# --- TLS


@pytest.fixture
def secure(tmp_path: Path, monkeypatch) -> Iterator[int]:
    """A TLS receiver whose certificate is for hooks.test, by an authority of the operator's."""
    path = tmp_path / "hooks.pem"
    path.write_bytes(self_signed("hooks.test"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    outbound.trust.cache_clear()
    with receiver() as plain:
        yield from _served_by_tls(plain.port, path)
    outbound.trust.cache_clear()


def _served_by_tls(behind: int, path: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(4_096)
                    tls.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()


def self_signed(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def test_the_certificate_must_fit_the_name_though_the_connection_goes_to_the_address(
    names, loopback_allowed, secure: int
):
    names.answers = {"hooks.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]}
    assert outbound.send("GET", f"https://hooks.test:{secure}/").status == 204
    with pytest.raises(outbound.Unreachable, match=r"certificate of other\.test"):
        outbound.send("GET", f"https://other.test:{secure}/")


def test_the_test_addresses_are_what_they_are_taken_for():
    assert ipaddress.ip_address(PUBLIC).is_global
