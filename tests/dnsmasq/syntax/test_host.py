"""dhcp-host, and /etc/ethers."""

from ipaddress import IPv4Address

import pytest
from dnsmasq_text import read, refused

from fastpxe.dhcp.identity import Pattern
from fastpxe.dnsmasq.syntax.model import DhcpHost, HostMac, Location, Tag

MAC = "52:54:00:12:34:56"
EXACT = HostMac(None, Pattern(bytes.fromhex("525400123456"), b"\xff" * 6), is_exact=True)


def host(line: str) -> DhcpHost:
    (found,) = read(f"dhcp-host={line}").hosts
    return found


def test_a_host_has_its_fields_in_any_order() -> None:
    line = f"set:a,{MAC},net:b,lab1.example,tag:!c,10.0.0.5,1h,id:01:02,ignore"
    assert read(f"\ndhcp-host={line}").hosts == (
        DhcpHost(
            where=Location("f.conf", 2),
            text=f"dhcp-host={line}",
            macs=(EXACT,),
            client_ids=(b"\1\2",),
            name="lab1",
            address=IPv4Address("10.0.0.5"),
            sets=("a", "b"),
            tags=(Tag("c", negated=True),),
            ignores=True,
        ),
    )


def test_a_mac_may_have_a_type_and_wildcards() -> None:
    assert host("06-52:54:*").macs == (
        HostMac(6, Pattern(b"\x52\x54\0", b"\xff\xff\0"), is_exact=False),
    )
    assert len(host(f"{MAC},52:54:00:12:34:57").macs) == 2


@pytest.mark.parametrize(
    ("field", "client_id"),
    [("id:*", b"*"), ("ID:01:02", b"\1\2"), ("id:text", b"text"), ("id:0102", b"0102")],
)
def test_a_client_id_is_text_or_hex_with_colons(field: str, client_id: bytes) -> None:
    assert host(field).client_ids == (client_id,)


@pytest.mark.parametrize("field", ["infinite", "1h", "30", "2W", "1 2", ""])
def test_a_lease_time_does_not_matter(field: str) -> None:
    assert host(f"{MAC},{field}") == host(f"{MAC},{field}")
    assert host(f"{MAC},{field}").name == ""


@pytest.mark.parametrize(
    ("field", "name"),
    [("lab", "lab"), ("m", "m"), ("am", "am"), ("a_b-c.d.", "a_b-c"), ("1x", "1x")],
)
def test_anything_else_is_a_name(field: str, name: str) -> None:
    assert host(field).name == name


@pytest.mark.parametrize("field", ["-a", "a b", "_a", "a/b", "x" * 64, "é"])
def test_a_wrong_name_is_refused(field: str) -> None:
    assert "is not a host name" in refused(f"dhcp-host={field}").message


@pytest.mark.parametrize("field", ["52:5g", "1*:2", "option:x", '"52:54":00'])
def test_a_wrong_mac_is_refused(field: str) -> None:
    assert "is neither a MAC address" in refused(f"dhcp-host={field}").message


def test_a_wrong_client_id_is_refused() -> None:
    assert "write id:01:02:03" in refused("dhcp-host=id:x:y").message


def test_an_ipv6_address_does_not_matter_if_it_is_one() -> None:
    assert host(f"{MAC},[fd00::1]").address is None
    assert host(f"{MAC},[fd00::/64]").address is None
    assert "is not an IPv6 address" in refused("dhcp-host=[fd00:x]").message


def test_an_address_is_given_to_one_host() -> None:
    error = refused("dhcp-host=a,10.0.0.5\ndhcp-host=b,10.0.0.5")
    assert error.where == "f.conf:2"
    assert error.message == "10.0.0.5 is already the address of another host, at f.conf:1"
    assert host("10.0.0.5,10.0.0.5").address == IPv4Address("10.0.0.5")


# --- /etc/ethers ---------------------------------------------------------------------------------


def ethers(text: str, config: str = "") -> tuple[DhcpHost, ...]:
    return read_with_ethers(text, config)[0]


def read_with_ethers(text: str, config: str = "") -> tuple[tuple[DhcpHost, ...], list[str]]:
    found = read(f"read-ethers\n{config}", **{"/etc/ethers": text})
    return found.hosts, [f"{note.where}: {note.why}" for note in found.notes]


def test_ethers_are_hosts_without_client_id() -> None:
    (first, second) = ethers(f"# all\n{MAC} lab.example  # one\n52:54:00:12:34:57\t10.0.0.5\n")
    assert (first.macs, first.name, first.client_ids) == ((EXACT,), "lab", (b"*",))
    assert str(first.where) == "/etc/ethers:2"
    assert (second.name, second.address) == ("", IPv4Address("10.0.0.5"))


@pytest.mark.parametrize("known", ["LAB,set:x", "10.0.0.5,set:x"])
def test_ethers_give_a_known_host_its_mac(known: str) -> None:
    name = "10.0.0.5" if known.startswith("10") else "lab"
    (found,) = ethers(f"{MAC} {name}", f"dhcp-host={known},01:02:03")
    assert (found.macs, found.sets) == ((EXACT,), ("x",))


@pytest.mark.parametrize("line", [MAC, "52:54 lab", "zz lab"])
def test_a_wrong_line_of_ethers_is_left_out(line: str) -> None:
    hosts, notes = read_with_ethers(f"\n{line}\n")
    assert hosts == ()
    assert notes == ["/etc/ethers:2: this line is skipped: it is not a MAC address and a host"]


def test_without_the_file_there_are_no_ethers() -> None:
    assert read("read-ethers").hosts == ()
