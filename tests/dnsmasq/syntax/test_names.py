"""Names of servers."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read, refused

from fastpxe.dnsmasq.syntax.names import hosts_file_names, resolve

A, B, C = (IPv4Address(f"10.0.0.{n}") for n in (1, 2, 3))


def names(text: str, hosts: str = "", **files: str) -> dict[str, IPv4Address]:
    return read(text, **{"/etc/hosts": hosts}, **files).hosts_names


def test_a_host_record_has_names_and_an_address() -> None:
    found = names("host-record=A.lab,b.lab.,10.0.0.1,fd00::1,60")
    assert found == {"a.lab": A, "b.lab": A}


@pytest.mark.parametrize("value", ["a.lab,::1", "a.lab,60", "a.lab,b.lab", "60,"])
def test_a_host_record_without_ipv4_address_names_nothing(value: str) -> None:
    assert names(f"host-record={value}") == {}


@pytest.mark.parametrize("value", ["", "a.lab", "10.0.0.1"])
def test_a_host_record_of_one_field_is_refused(value: str) -> None:
    assert "write NAME,192.0.2.1" in refused(f"host-record={value}").message


def test_hosts_files_are_read_unless_told_not_to() -> None:
    hosts = "10.0.0.1 tftp tftp.lab # the server\n::1 six\n\n#10.0.0.2 no\n"
    assert names("", hosts) == {"tftp": A, "tftp.lab": A}
    assert names("no-hosts", hosts) == {}
    assert names("no-hosts\naddn-hosts=a.hosts", hosts, a_hosts="10.0.0.2 two") == {"two": B}
    assert names("hostsdir=a.hosts", hosts, a_hosts="10.0.0.2 two")["two"] == B


def test_without_dns_there_are_no_names() -> None:
    assert names("port=0\nhost-record=a,10.0.0.1", "10.0.0.2 b") == {}
    assert names("port=5353\nhost-record=a,10.0.0.1", "10.0.0.2 b") == {"a": A, "b": B}


def test_a_hosts_file_that_is_not_there_is_noted() -> None:
    (note,) = read("addn-hosts=nosuch").notes
    assert (note.key, note.why) == ("addn-hosts", '"nosuch" can\'t be read')


@pytest.mark.parametrize("key", ["domain", "domain-suffix"])
def test_the_domain_is_appended_to_names_without_one(key: str) -> None:
    hosts = "10.0.0.1 a b.c"
    assert names(f"{key}=lab", hosts) == {"a": A, "b.c": A}
    assert names(f"{key}=lab\nexpand-hosts", hosts) == {"a": A, "a.lab": A, "b.c": A}


@pytest.mark.parametrize("value", ["lab,10.0.0.0/24", "#"])
def test_another_domain_is_noted(value: str) -> None:
    config = read(f"expand-hosts\ndomain={value}", **{"/etc/hosts": "10.0.0.1 a"})
    assert (list(config.hosts_names), [n.key for n in config.notes]) == (["a"], ["domain"])


def test_of_several_addresses_a_name_has_the_first() -> None:
    assert resolve([("a", A), ("b", C), ("A.", B)]) == {"a": A, "b": C}
    assert names("host-record=a,10.0.0.3", "10.0.0.2 a\n10.0.0.1 a")["a"] == C


def test_a_hosts_file_of_odd_bytes_is_read() -> None:
    assert list(hosts_file_names(b"10.0.0.1\t\xff a\r\n10.0.0.2")) == [("\udcff", A), ("a", A)]
