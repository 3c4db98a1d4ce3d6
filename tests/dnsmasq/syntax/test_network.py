"""Interfaces, ports and TFTP."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read, refused

from fastpxe.dnsmasq.syntax.model import Location, Network, Tftp, TftpRoot

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")


def network(text: str) -> Network:
    return read(text).network


def tftp(text: str) -> Tftp:
    return read(text).tftp


def test_the_defaults() -> None:
    assert network("") == Network()
    assert tftp("") == Tftp()


# --- interfaces ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("interface", "interfaces"),
        ("except-interface", "except_interfaces"),
        ("no-dhcp-interface", "no_dhcp_interfaces"),
        ("no-dhcpv4-interface", "no_dhcp_interfaces"),
    ],
)
def test_interfaces_add_up(key: str, field: str) -> None:
    assert getattr(network(f"{key}=eth0,eth1\n{key}=vif*"), field) == ("eth0", "eth1", "vif*")


def test_an_empty_interface_is_one_without_name() -> None:
    assert network("interface=").interfaces == ("",)


def test_listen_addresses_add_up_and_those_of_ipv6_do_not_count() -> None:
    found = network('listen-address=10.0.0.1,::1\nlisten-address="10.0.0.2"')
    assert found.listen_addresses == (A, B)


@pytest.mark.parametrize("value", ["", "x", "10.0.0.1,"])
def test_a_listen_address_is_one(value: str) -> None:
    assert "is not an address" in refused(f"listen-address={value}").message


def test_bridged_interfaces() -> None:
    found = network("bridge-interface=br0,vif1, vif*,,a-name-that-is-too-long\n")
    assert found.bridge_interfaces == (("br0", ("vif1", "vif*")),)


@pytest.mark.parametrize("value", ["br0", "", "a-name-that-is-too-long,b"])
def test_a_bridge_has_a_name_and_aliases(value: str) -> None:
    assert "write the interface and its aliases" in refused(f"bridge-interface={value}").message


def test_shared_networks() -> None:
    found = network("shared-network=eth0,10.0.0.1\nshared-network=10.0.0.1,10.0.0.2")
    assert found.shared_networks == (("eth0", A), ("10.0.0.1", B))


def test_a_shared_network_of_ipv6_is_noted() -> None:
    config = read("shared-network=eth0,::1")
    assert config.network.shared_networks == ()
    assert [note.key for note in config.notes] == ["shared-network"]


@pytest.mark.parametrize("value", ["eth0", "eth0,x", "::1,10.0.0.1", "10.0.0.1,::1"])
def test_another_shared_network_is_refused(value: str) -> None:
    assert "eth0,192.0.2.0" in refused(f"shared-network={value}").message


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("dhcp-alternate-port", (1067, 1068)),
        ("dhcp-alternate-port=2000", (2000, 2001)),
        ("dhcp-alternate-port=2000,3000", (2000, 3000)),
        ("dhcp-alternate-port=2000,", (2000, 0)),
    ],
)
def test_alternate_ports(line: str, ports: tuple[int, int]) -> None:
    assert (network(line).server_port, network(line).client_port) == ports


@pytest.mark.parametrize("value", ["x", "65536", "1,x", "1,2,3", "-1"])
@pytest.mark.parametrize("key", ["dhcp-alternate-port", "tftp-port-range"])
def test_a_port_is_a_number(key: str, value: str) -> None:
    assert refused(f"{key}={value}").key == key


@pytest.mark.parametrize("key", ["bind-interfaces", "bind-dynamic"])
def test_how_sockets_are_bound(key: str) -> None:
    assert getattr(network(f"{key}\n{key}"), key.replace("-", "_"))


def test_two_ways_to_bind_exclude_each_other() -> None:
    error = refused("bind-interfaces\nbind-dynamic")
    assert (error.where, error.key) == ("f.conf:2", "bind-dynamic")


# --- users ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "user", "group"),
    [
        ("", "nobody", None),
        ("user=pxe", "pxe", None),
        ("user=", "root", None),
        ("user", "root", None),
        ("group=lab", "nobody", "lab"),
        ('user="pxe"\ngroup=', "pxe", None),
    ],
)
def test_users_and_groups(text: str, user: str, group: str | None) -> None:
    config = read(text)
    assert (config.user, config.group) == (user, group)
    assert not config.notes


# --- TFTP ----------------------------------------------------------------------------------------


def test_tftp_is_on_for_all_interfaces_or_for_some() -> None:
    assert tftp("enable-tftp") == Tftp(enabled=True)
    assert tftp("enable-tftp=eth0,vif*") == Tftp(enabled=True, interfaces=("eth0", "vif*"))


def test_a_root_alone_turns_nothing_on() -> None:
    assert not tftp("tftp-root=/t").enabled


def test_roots() -> None:
    assert tftp("tftp-root=/a b,eth0\ntftp-root=/t").roots == (
        TftpRoot(
            where=Location("f.conf", 1),
            text="tftp-root=/a b,eth0",
            path="/a b",
            interface="eth0",
        ),
        TftpRoot(where=Location("f.conf", 2), text="tftp-root=/t", path="/t", interface=None),
    )


@pytest.mark.parametrize(
    ("line", "kind"),
    [("tftp-unique-root", "ip"), ("tftp-unique-root=IP", "ip"), ("tftp-unique-root=Mac", "mac")],
)
def test_a_root_for_each_client(line: str, kind: str) -> None:
    assert tftp(line).unique_root == kind


def test_another_kind_of_root_is_refused() -> None:
    assert "neither ip nor mac" in refused("tftp-unique-root=x").message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tftp-lowercase", Tftp(lowercase=True)),
        ("tftp-secure", Tftp(secure=True)),
        ("tftp-no-fail", Tftp(no_fail=True)),
        ("tftp-no-blocksize", Tftp(no_blocksize=True)),
        ("tftp-single-port", Tftp(single_port=True)),
        ("tftp-mtu=1000", Tftp(mtu=1000)),
        ("tftp-mtu=0", Tftp(mtu=None)),
        ("tftp-max=2", Tftp(max_transfers=2)),
        ("tftp-max=4294967295", Tftp(max_transfers=0)),
        ("tftp-port-range=5,9", Tftp(port_range=(5, 9))),
        ("tftp-port-range=9,5", Tftp(port_range=(5, 9))),
    ],
)
def test_the_other_settings_of_tftp(line: str, expected: Tftp) -> None:
    assert tftp(line) == expected


@pytest.mark.parametrize("key", ["tftp-max", "tftp-mtu"])
def test_a_count_is_a_number(key: str) -> None:
    assert "is not a number" in refused(f"{key}=x").message


def test_a_port_range_has_two_ends() -> None:
    assert "two ports are required" in refused("tftp-port-range=1").message


# --- switches ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("dhcp-ignore-clid", "ignore_client_id"),
        ("log-dhcp", "log_dhcp"),
        ("quiet-dhcp", "quiet_dhcp"),
        ("quiet-tftp", "quiet_tftp"),
    ],
)
def test_switches(key: str, field: str) -> None:
    assert not getattr(read(""), field)
    assert getattr(read(key), field)
