"""From what was heard on a network to findings."""

from ipaddress import IPv4Address
from typing import Any

import msgspec
import pytest
from packets import CLIENT, DHCP_SERVER, NOWHERE, OUR_ADDRESS, Header, message

from fastpxe.doctor.network import Step, Trial, Wire, findings
from fastpxe.doctor.report import Finding
from fastpxe.firmware.offers import Firmware, HeardOffer, read_offer

OTHER_PROXY = IPv4Address("10.77.0.9")
QUIET = Wire(interface="eth0", listened_s=4.0, mac="02:fa:5d:00:00:01", own=())
Heard = tuple[HeardOffer, ...]
KINDS: tuple[Firmware, ...] = ("bios", "uefi", "ipxe")


def offers(
    server: IPv4Address,
    *options: tuple[int, bytes],
    kinds: tuple[Firmware, ...] = KINDS,
    **fields: Any,
) -> Heard:
    """The same offer to each kind of client."""
    after_s = fields.pop("after_s", 0.001)
    given: Header = {"op": 2, **fields}  # type: ignore[typeddict-item]  # names are Header's
    payload = message((54, server.packed), *options, **given)
    offer = read_offer(payload, server)
    return tuple(HeardOffer(firmware=kind, after_s=after_s, offer=offer) for kind in kinds)


def dhcp(server: IPv4Address = DHCP_SERVER, *more: tuple[int, bytes], **fields: Any) -> Any:
    return offers(server, *more, yiaddr=CLIENT, **fields)


def proxy(server: IPv4Address = OUR_ADDRESS, **fields: Any) -> Heard:
    given = {"file": b"boot.efi", "siaddr": server} | fields
    return offers(server, (60, b"PXEClient"), **given)


def heard(*several: Heard) -> Wire:
    return msgspec.structs.replace(QUIET, heard=sum(several, ()))


def found(wire: Wire, *, is_served: bool = False) -> dict[str, Finding]:
    made = list(findings(wire, is_served=is_served))
    assert all(one.saw for one in made)
    assert all(one.advice for one in made if one.level != "ok")
    return {one.name: one for one in made}


def not_ok(wire: Wire, *, is_served: bool = False) -> dict[str, str]:
    made = found(wire, is_served=is_served)
    return {name: one.level for name, one in made.items() if one.level != "ok"}


def test_a_dhcp_server_and_a_proxy_are_well() -> None:
    made = found(heard(dhcp(), proxy()))
    assert {name: (one.level, one.saw) for name, one in made.items()} == {
        "dhcp-server": ("ok", f"addresses come from {DHCP_SERVER}"),
        "proxy": ("ok", f"boot clients are answered by {OUR_ADDRESS}"),
    }


def test_this_machine_is_told_as_such() -> None:
    wire = msgspec.structs.replace(heard(dhcp(), proxy()), own=(OUR_ADDRESS,))
    assert found(wire)["proxy"].saw.endswith(f"by {OUR_ADDRESS} (this machine)")


def test_where_nobody_answers_clients_get_nothing() -> None:
    made = found(QUIET)
    assert not_ok(QUIET) == {"dhcp-server": "problem", "proxy": "problem"}
    assert "in 4 s: clients get no address" in made["dhcp-server"].saw
    assert QUIET.mac in made["dhcp-server"].advice


def test_a_fastpxe_that_runs_and_is_silent_is_told_otherwise_than_none() -> None:
    assert "start fastpxe" in found(heard(dhcp()))["proxy"].advice
    silent = found(heard(dhcp()), is_served=True)["proxy"]
    assert silent.saw == "nobody answers boot clients, though fastpxe runs on this machine"
    assert "firewall" in silent.advice


@pytest.mark.parametrize(
    ("several", "name"),
    [
        ((dhcp(), dhcp(OTHER_PROXY), proxy()), "dhcp-server"),
        ((dhcp(), proxy(), proxy(OTHER_PROXY)), "proxy"),
    ],
)
def test_two_of_a_kind_are_named_both(several: tuple[Heard, ...], name: str) -> None:
    assert not_ok(heard(*several)) == {name: "warning"}
    assert str(OTHER_PROXY) in found(heard(*several))[name].saw
    assert " and " in found(heard(*several))[name].saw


def test_a_kind_of_firmware_that_is_left_out_is_told() -> None:
    made = found(heard(dhcp(), proxy(kinds=("bios", "ipxe"))))
    assert made["firmware-unanswered"].level == "warning"
    assert 'arch = "uefi-x64"' in made["firmware-unanswered"].advice


def test_a_dhcp_server_that_says_pxe_is_a_problem_beside_a_proxy() -> None:
    both = dhcp(DHCP_SERVER, (60, b"PXEClient"))
    assert not_ok(heard(both, proxy())) == {"dhcp-says-pxe": "problem"}
    alone = found(heard(both))
    assert set(alone) == {"dhcp-server", "proxy"}
    assert alone["proxy"].saw == f"boot clients are answered by {DHCP_SERVER}"


def test_a_dhcp_server_that_names_a_file_is_a_warning_beside_a_proxy() -> None:
    both = dhcp(file=b"old.0", siaddr=DHCP_SERVER)
    assert not_ok(heard(both, proxy())) == {"dhcp-names-file": "warning"}
    assert found(heard(both, proxy()))["dhcp-names-file"].saw.endswith("itself: old.0")
    assert not_ok(heard(both)) == {}
    assert not_ok(heard(both), is_served=True) == {"proxy": "problem"}


def test_its_own_address_as_next_server_alone_is_no_conflict() -> None:
    assert not_ok(heard(dhcp(siaddr=DHCP_SERVER), proxy())) == {}


def test_an_offer_without_address_and_class_is_heeded_by_nobody() -> None:
    assert not_ok(heard(dhcp(), proxy(), offers(OTHER_PROXY))) == {"no-class": "warning"}


def test_a_proxy_slower_than_ipxe_waits_is_told() -> None:
    assert not_ok(heard(dhcp(), proxy(after_s=3.2))) == {"proxy-late": "warning"}
    assert not_ok(heard(dhcp(), proxy(after_s=2.9))) == {}


@pytest.mark.parametrize("file", [b"ipxe.efi", b"dir/undionly.kpxe", b"SNPONLY.EFI"])
def test_ipxe_that_is_given_itself_loads_it_for_ever(file: bytes) -> None:
    wire = heard(dhcp(), proxy(file=file))
    assert not_ok(wire) == {"ipxe-loop": "problem"}


def test_ipxe_that_is_given_nothing_is_told() -> None:
    firmware = proxy(file=b"ipxe.efi", kinds=("bios", "uefi"))
    assert not_ok(heard(dhcp(), firmware)) == {"ipxe-unanswered": "warning"}
    script = proxy(file=b"boot.ipxe", kinds=("ipxe",))
    assert not_ok(heard(dhcp(), firmware, script)) == {}


def test_ipxe_takes_no_file_without_a_server() -> None:
    script = proxy(file=b"boot.ipxe", kinds=("ipxe",), siaddr=NOWHERE)
    wire = heard(dhcp(), proxy(kinds=("bios", "uefi")), script)
    assert not_ok(wire) == {"ipxe-siaddr": "problem"}


def trial(**facts: Any) -> Wire:
    steps = (Step(text="offer from 10.0.0.1", took_s=0.0004), Step(text="'x' of its menu"))
    given = {"firmware": "bios", "server": OUR_ADDRESS, "is_local": False, "steps": steps} | facts
    return msgspec.structs.replace(heard(dhcp(), proxy()), trials=(Trial(**given),))


def test_a_boot_that_went_well_is_told_step_by_step() -> None:
    made = found(trial())["boot"]
    assert (made.level, made.about) == ("ok", "BIOS boot at eth0")
    assert made.saw == "offer from 10.0.0.1 in 400 us; 'x' of its menu"


def test_a_boot_that_failed_is_told_up_to_there() -> None:
    made = found(trial(failure="no answer", advice="open 4011"))["boot"]
    assert (made.level, made.advice) == ("problem", "open 4011")
    assert made.saw.endswith("; 'x' of its menu; no answer")


def test_a_boot_within_the_machine_says_what_it_doesn_t_prove() -> None:
    assert "cable, switch and firewall have no part" in found(trial(is_local=True))["boot"].saw


def test_a_network_that_can_t_be_asked_is_unknown() -> None:
    wire = msgspec.structs.replace(QUIET, failure="can't ask there", advice="as root")
    assert not_ok(wire) == {"wire": "unknown"}
