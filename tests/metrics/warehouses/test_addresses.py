"""Which hosts a team's database may have."""

import pytest

from metrics.warehouses.addresses import resolve
from metrics.warehouses.connections import Policy
from metrics.warehouses.errors import ForbiddenAddress, UnknownHost

ANYWHERE, PUBLIC = Policy(allow_private=True), Policy(allow_private=False)

NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "2852039166",  # 169.254.169.254 as one number
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "[fe80::1]",
    "fe80::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "0.0.0.0",  # noqa: S104
    "0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
]
PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "localhost",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
]
NOT_HOSTS = [
    "",
    "/var/run/postgresql",
    "@abstract",
    "a,b",
    "host=evil",
    "127.0.0.1 port=5433",
    "postgresql://evil/db",
    "evil?x=1",
    "user@host/db",
    "-option",
    ".",
    "a\x00b",
]


@pytest.mark.parametrize("host", NEVER)
@pytest.mark.parametrize("policy", [ANYWHERE, PUBLIC])
def test_metadata_and_no_servers_addresses_are_always_refused(host, policy):
    with pytest.raises(ForbiddenAddress):
        resolve(host, 5432, policy)


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_where_only_public_ones_are_allowed(host):
    with pytest.raises(ForbiddenAddress, match=r"private address"):
        resolve(host, 5432, PUBLIC)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "::1"])
def test_a_private_address_is_allowed_where_the_operator_says_so(host):
    assert resolve(host, 5432, ANYWHERE)


@pytest.mark.parametrize("host", NOT_HOSTS)
def test_what_is_no_host_name_is_refused(host):
    with pytest.raises((ForbiddenAddress, UnknownHost)):
        resolve(host, 5432, ANYWHERE)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(ForbiddenAddress, match="is not a port"):
        resolve("127.0.0.1", port, ANYWHERE)


def test_a_public_address_is_allowed_and_pinned():
    assert resolve("8.8.8.8", 5432, PUBLIC) == "8.8.8.8"


def test_an_unknown_name_is_called_unknown():
    with pytest.raises(UnknownHost, match=r"“nobody-is-here\.invalid” cannot be found"):
        resolve("nobody-is-here.invalid", 5432, ANYWHERE)
