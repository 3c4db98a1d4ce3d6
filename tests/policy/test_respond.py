"""What is answered, where to, and how: statements A1 to A15 and P1 to P34, and hostile input."""
# ruff: noqa: N802 - A01, P01 and the like are the numbers of the protocol statements

from ipaddress import IPv4Address
from typing import NamedTuple

import msgspec
import pytest
import reference
from hypothesis import given
from packets import (
    CLIENT,
    DHCP_SERVER,
    EVERYONE,
    GUID,
    NOWHERE,
    OTHER_OWN_ADDRESS,
    OUR_ADDRESS,
    Reply,
    class_of,
    discover,
    discovery,
    header,
    ipxe_discover,
    message,
    request_4011,
    tlv,
    tlvs,
    u16,
)
from responder import BROADCAST, EVERY_KIND, Responder
from strategies import Heard, answerable, datagrams, requests

from fastpxe._codec import REASONS
from fastpxe.dhcp.constants import MessageType
from fastpxe.policy import compiler, config
from fastpxe.policy._respond import Policy
from fastpxe.policy.replies import PXE, rows
from fastpxe.policy.replies import Reply as RuleReply

EVERY = Responder(EVERY_KIND)
DEFAULT = Responder()
ECHOING = Responder("[dhcp]\necho_client_id = true\nserver_id_override = true\n" + EVERY_KIND)
LOCAL = Responder(EVERY_KIND.replace('server = "192.0.2.10"', ""))
ONLY_67 = Responder("[dhcp]\nports = [67]\n" + EVERY_KIND)

RELAY = IPv4Address("10.9.9.9")
FOREIGN = IPv4Address("192.0.2.77")
PI_MAC = bytes.fromhex("dca632000001")

PXE_ARCHES = [0, 6, 7, 9, 10, 11, 41]
HTTP_URL = "http://192.0.2.10/x64.efi"


def both_replies(arch: int) -> list[Reply]:
    return [EVERY.hear(discover(arch)).reply, EVERY.hear_on_4011(request_4011(arch)).reply]


# --- A: where an answer goes ---------------------------------------------------------------------


def test_A01_a_relayed_request_is_answered_to_the_relays_port_67() -> None:
    answer = EVERY.hear(discover(giaddr=RELAY), source=RELAY, source_port=67)
    assert answer.destination == (RELAY, 67)


def test_A01_the_relay_counts_before_the_clients_address() -> None:
    answer = EVERY.hear(discover(giaddr=RELAY, ciaddr=CLIENT), source=CLIENT)
    assert answer.destination == (RELAY, 67)


def test_A02_a_client_with_an_address_is_answered_where_it_asked_from() -> None:
    answer = EVERY.hear(discover(ciaddr=CLIENT), source=CLIENT, source_port=1068)
    assert answer.destination == (CLIENT, 1068)


def test_A02_a_client_that_asks_from_elsewhere_is_answered_on_port_68() -> None:
    answer = EVERY.hear(discover(ciaddr=CLIENT), source=NOWHERE, source_port=1068)
    assert answer.destination == (CLIENT, 68)


def test_A02_an_address_off_our_subnet_that_did_not_ask_gets_nothing() -> None:
    """Stricter than RFC 2131: a forged ciaddr aims no answer at a third machine."""
    assert EVERY.hear(discover(ciaddr=FOREIGN), source=NOWHERE).destination == BROADCAST


@pytest.mark.parametrize("port", [0, 7, 19, 67, 69])
def test_A02_an_answer_never_goes_to_a_port_that_answers_back(port: int) -> None:
    answer = EVERY.hear(discover(ciaddr=CLIENT), source=CLIENT, source_port=port)
    assert answer.destination == (CLIENT, 68)


@pytest.mark.parametrize("flags", [0, 0x8000])
def test_A03_a_client_without_an_address_is_answered_by_broadcast(flags: int) -> None:
    assert EVERY.hear(discover(flags=flags)).destination == BROADCAST


def test_A04_a_request_on_4011_without_any_address_gets_no_answer() -> None:
    answer = EVERY.hear_on_4011(request_4011(ciaddr=NOWHERE), source=NOWHERE)
    assert answer.reason == "no_destination"


@given(requests())
def test_A04_no_answer_goes_to_an_address_that_is_nobodys(datagram: bytes) -> None:
    for port in (67, 4011):
        answer = EVERY.hear(datagram, port=port)
        is_host = answer.to.packed[0] not in {0, 127} and answer.to.packed[0] < 224
        assert is_host or answer.to == EVERYONE or not answer.payload


@pytest.mark.parametrize("source_port", [68, 4011, 30000])
def test_A06_a_request_on_4011_is_answered_to_its_source_and_port(source_port: int) -> None:
    answer = EVERY.hear_on_4011(request_4011(), source=FOREIGN, source_port=source_port)
    assert answer.destination == (FOREIGN, source_port)


def test_A06_a_relay_that_asks_on_4011_for_a_client_is_answered_on_67() -> None:
    answer = EVERY.hear_on_4011(request_4011(giaddr=RELAY), source=RELAY, source_port=67)
    assert answer.destination == (RELAY, 67)


def test_A06_who_asks_on_4011_from_port_67_but_is_no_relay_is_not_answered() -> None:
    answer = EVERY.hear_on_4011(request_4011(giaddr=RELAY), source=CLIENT, source_port=67)
    assert answer.reason == "bad_source"


def test_A06_a_giaddr_that_did_not_ask_on_4011_is_not_answered_to() -> None:
    answer = EVERY.hear_on_4011(request_4011(giaddr=RELAY))
    assert answer.destination == (CLIENT, 4011)


@pytest.mark.parametrize("arch", PXE_ARCHES)
def test_A07_offer_and_ack_name_the_same_server(arch: int) -> None:
    assert [reply.server_id for reply in both_replies(arch)] == [OUR_ADDRESS, OUR_ADDRESS]


def test_A09_the_server_identifier_is_the_address_it_was_heard_on() -> None:
    reply = EVERY.hear(discover(), address=OTHER_OWN_ADDRESS).reply
    assert (reply.server_id, reply.siaddr) == (OTHER_OWN_ADDRESS, OTHER_OWN_ADDRESS)


@pytest.mark.parametrize(("port", "source_port"), [(67, 67), (4011, 4011)])
def test_A10_what_we_sent_ourselves_is_ignored(port: int, source_port: int) -> None:
    answer = EVERY.hear(
        request_4011() if port == 4011 else discover(),
        port=port,
        source=OTHER_OWN_ADDRESS,
        source_port=source_port,
    )
    assert answer.reason == "own_packet"


def test_A10_another_clients_source_is_not_ours() -> None:
    assert EVERY.hear(discover(), source=FOREIGN, source_port=67).reason == "answered"


SUB_OPTIONS = tlvs([(1, b"port 7"), (2, b"switch")])


@pytest.mark.parametrize("value", [SUB_OPTIONS, b"\1\xffmalformed", bytes(240)])
def test_A11_option_82_is_echoed_as_it_is_in_the_last_place(value: bytes) -> None:
    reply = ECHOING.hear(discover(options={82: value, 61: b"\1" + PI_MAC, 118: bytes(4)})).reply
    assert (reply.order[-1], reply.options[82]) == (82, value)


def test_A11_option_82_that_does_not_fit_is_left_out() -> None:
    crowded = discover(10, options={57: u16(576), 82: bytes(255)})
    assert 82 not in EVERY.hear(crowded).reply.options


def test_A11_option_82_above_255_bytes_is_left_out() -> None:
    asked = message(
        (53, b"\1"), (60, class_of(7)), (93, u16(7)), (82, bytes(200)), (82, bytes(200))
    )
    assert 82 not in EVERY.hear(asked).reply.options


BY_SUBNET = Responder(
    "\n".join(
        f'[[boot]]\nname = "{name}"\nsubnet = "{net}"\nfile = "f"'
        for name, net in {
            "82.5": "10.1.0.0/16", "118": "10.2.0.0/16", "giaddr": "10.3.0.0/16",
            "ciaddr": "10.4.0.0/16", "interface": "10.77.0.0/24",
        }.items()
    )
)  # fmt: skip


@pytest.mark.parametrize("absent", range(5))
def test_A12_the_subnet_is_82_5_then_118_then_giaddr_then_ciaddr_then_the_interface(
    absent: int,
) -> None:
    options = {82: tlv(5, b"\x0a\1\0\1"), 118: b"\x0a\2\0\1"}
    gone = {82: absent > 0, 118: absent > 1}
    datagram = discover(
        options={code: value for code, value in options.items() if not gone[code]},
        giaddr=NOWHERE if absent > 2 else IPv4Address("10.3.0.1"),
        ciaddr=NOWHERE if absent > 3 else IPv4Address("10.4.0.1"),
    )
    expected = ("82.5", "118", "giaddr", "ciaddr", "interface")[absent]
    assert BY_SUBNET.hear(datagram).rule == expected


def test_A12_a_malformed_82_selects_no_subnet() -> None:
    malformed = tlv(5, b"\x0a\1\0\1") + b"\1"
    assert BY_SUBNET.hear(discover(options={82: malformed})).rule == "interface"


def test_A13_option_118_is_echoed_when_it_was_used() -> None:
    subnet = IPv4Address("10.2.0.1").packed
    assert EVERY.hear(discover(options={118: subnet})).reply.options[118] == subnet


def test_A13_option_118_is_not_echoed_when_82_5_came_first() -> None:
    asked = discover(options={118: b"\x0a\2\0\1", 82: tlv(5, b"\x0a\1\0\1")})
    assert 118 not in EVERY.hear(asked).reply.options


OVERRIDE = IPv4Address("10.9.9.1")
OVERRIDING = {82: tlv(11, OVERRIDE.packed)}


def test_A14_a_server_identifier_override_is_not_used_by_default() -> None:
    assert EVERY.hear(discover(options=dict(OVERRIDING))).reply.server_id == OUR_ADDRESS


def test_A14_a_server_identifier_override_is_used_when_configured() -> None:
    assert ECHOING.hear(discover(options=dict(OVERRIDING))).reply.server_id == OVERRIDE


def test_A14_an_override_counts_as_us_when_configured() -> None:
    asked = request_4011(options={54: OVERRIDE.packed, **OVERRIDING})
    assert ECHOING.hear_on_4011(asked).reply.server_id == OVERRIDE


BAD_RELAYS = ["255.255.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "127.0.0.1",
              "0.0.0.1", "10.77.0.2", "10.78.0.2"]  # fmt: skip


@pytest.mark.parametrize("port", [67, 4011])
@pytest.mark.parametrize("giaddr", BAD_RELAYS)
def test_A15_an_impossible_relay_is_dropped(giaddr: str, port: int) -> None:
    datagram = discover(giaddr=IPv4Address(giaddr))
    assert EVERY.hear(datagram, port=port, source=CLIENT).reason == "bad_giaddr"


# --- P1 to P15: who gets an answer, and what stands in every one --------------------------------


@pytest.mark.parametrize("vendor_class", [None, b"", b"MSFT 5.0", b"PXEClien", b"pxeclient", b"x"])
def test_P01_another_class_gets_silence(vendor_class: bytes | None) -> None:
    assert EVERY.hear(discover(options={60: vendor_class})).reason == "not_pxe"


@pytest.mark.parametrize(("arch", "family"), [(7, "PXEClient"), (16, "HTTPClient")])
def test_P02_a_reply_is_of_the_requests_family(arch: int, family: str) -> None:
    reply = EVERY.hear(discover(arch, family=family)).reply
    assert reply.options[60] == family.encode()


def test_P02_http_boot_gets_no_offer_of_a_tftp_file() -> None:
    assert DEFAULT.hear(discover(7, family="HTTPClient")).reason == "no_rule"


def test_P02_pxe_gets_no_offer_of_http_boot() -> None:
    assert Responder(f'[[boot]]\nurl = "{HTTP_URL}"').hear(discover(7)).payload == b""


@pytest.mark.parametrize("arch", PXE_ARCHES)
def test_P03_yiaddr_is_zero(arch: int) -> None:
    assert [reply.address("yiaddr") for reply in both_replies(arch)] == [NOWHERE, NOWHERE]


def test_an_offer_gives_no_ciaddr_and_an_ack_copies_it() -> None:
    """RFC 2131 table 3."""
    offer = EVERY.hear(discover(ciaddr=CLIENT), source=CLIENT).reply
    ack = EVERY.hear_on_4011(request_4011(ciaddr=CLIENT)).reply
    assert (offer.address("ciaddr"), ack.address("ciaddr")) == (NOWHERE, CLIENT)


@pytest.mark.parametrize("arch", PXE_ARCHES)
def test_P04_every_reply_opens_with_type_server_and_class(arch: int) -> None:
    assert [reply.order[:3] for reply in both_replies(arch)] == [[53, 54, 60], [53, 54, 60]]


@pytest.mark.parametrize("value", [b"\0" + GUID, b"\0" + bytes(16), b"\1" + GUID, bytes(255), b"x"])
def test_P05_option_97_is_echoed_byte_for_byte(value: bytes) -> None:
    assert EVERY.hear(discover(options={97: value})).reply.options[97] == value


@pytest.mark.parametrize("arch", PXE_ARCHES)
def test_P06_siaddr_is_never_zero(arch: int) -> None:
    assert NOWHERE not in [reply.siaddr for reply in both_replies(arch)]


@pytest.mark.parametrize(
    ("arch", "name"),
    [(0, "undionly.kpxe"), (7, "x64.efi"), (11, "arm64.efi"), (41, "bootcode.bin")],
)
def test_P07_the_header_names_the_boot_file(arch: int, name: str) -> None:
    assert [reply.file for reply in both_replies(arch)] == [name, name]


FORBIDDEN = {1, 3, 6, 13, 50, 51, 52, 55, 57, 58, 59, 77, 93, 94, 175}


@given(answerable())
def test_P08_P09_no_reply_holds_a_lease_or_option_13(heard: Heard) -> None:
    reply = EVERY.hear(heard.datagram, port=heard.port, source=heard.source).reply
    assert not FORBIDDEN & set(reply.order)


@given(datagrams() | requests())
def test_P09_nothing_is_ever_refused_with_a_nak(datagram: bytes) -> None:
    for port in (67, 4011):
        answer = EVERY.hear(datagram, port=port, source=CLIENT)
        assert not answer.payload or Reply(answer.payload).kind in {
            MessageType.OFFER,
            MessageType.ACK,
        }


@pytest.mark.parametrize("code", [50, 54])
def test_P10_the_main_servers_request_is_not_ours(code: int) -> None:
    asked = request_4011(options={code: DHCP_SERVER.packed}, ciaddr=NOWHERE)
    assert EVERY.hear(asked).reason == "for_other_server"


def test_P10_a_renewal_is_not_ours() -> None:
    assert EVERY.hear(request_4011(), source=CLIENT).reason == "for_other_server"


@pytest.mark.parametrize("kind", [2, 4, 5, 6, 7, 8])
def test_P10_of_the_rest_on_67_nothing_is_ours(kind: int) -> None:
    assert EVERY.hear(discover(options={53: bytes([kind])})).reason == "wrong_type"


def test_P11_a_client_that_chose_our_offer_for_its_address_is_told_apart() -> None:
    asked = request_4011(options={54: OUR_ADDRESS.packed}, ciaddr=NOWHERE)
    assert EVERY.hear(asked).reason == "chose_us"


def test_P11_a_renewal_with_our_identifier_is_told_apart_from_that() -> None:
    asked = request_4011(options={54: OUR_ADDRESS.packed}, ciaddr=CLIENT)
    assert EVERY.hear(asked).reason == "for_other_server"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (MessageType.REQUEST, MessageType.ACK),
        (MessageType.INFORM, MessageType.ACK),
        (MessageType.DISCOVER, MessageType.OFFER),
    ],
)
def test_P12_on_4011_a_request_gets_an_ack_and_a_discover_an_offer(
    kind: MessageType, expected: MessageType
) -> None:
    asked = request_4011(options={53: bytes([kind])})
    assert EVERY.hear_on_4011(asked).reply.kind == expected


@pytest.mark.parametrize("kind", [2, 4, 5, 6, 7])
def test_P12_on_4011_other_messages_get_silence(kind: int) -> None:
    assert EVERY.hear_on_4011(request_4011(options={53: bytes([kind])})).reason == "wrong_type"


def test_P13_a_request_on_4011_needs_no_discover_before_it() -> None:
    assert Responder(EVERY_KIND).hear_on_4011(request_4011()).reply.file == "x64.efi"


@pytest.mark.parametrize("server", [None, OUR_ADDRESS, OTHER_OWN_ADDRESS])
def test_P14_on_4011_option_54_is_ours_or_missing(server: IPv4Address | None) -> None:
    asked = request_4011(options={54: server.packed if server else None})
    assert EVERY.hear_on_4011(asked).reason == "answered"


def test_P14_on_4011_a_request_to_another_server_gets_silence() -> None:
    asked = request_4011(options={54: DHCP_SERVER.packed})
    assert EVERY.hear_on_4011(asked).reason == "other_server_id"


def test_P14_on_4011_a_request_to_another_server_is_answered_when_configured() -> None:
    accepting = Responder("[dhcp]\naccept_foreign_server_id = true\n" + EVERY_KIND)
    asked = request_4011(options={54: DHCP_SERVER.packed})
    assert accepting.hear_on_4011(asked).reply.server_id == OUR_ADDRESS


@pytest.mark.parametrize(
    ("arch", "siaddr", "file"),
    [
        (7, "10.77.0.2", "x64.efi"),
        (9, "10.77.0.2", "x64.efi"),
        (6, "192.0.2.10", "ia32.efi"),
        (11, "192.0.2.10", "arm64.efi"),
        (0, "10.77.0.2", "undionly.kpxe"),
    ],
)
def test_P15_the_ack_names_server_and_file(arch: int, siaddr: str, file: str) -> None:
    reply = EVERY.hear_on_4011(request_4011(arch)).reply
    assert (str(reply.siaddr), reply.file) == (siaddr, file)


# --- P16 to P24: styles --------------------------------------------------------------------------


def test_P16_a_binl_offers_siaddr_is_ours_though_the_file_is_elsewhere() -> None:
    assert EVERY.hear(discover(6)).reply.siaddr == OUR_ADDRESS


def test_P17_without_port_4011_uefi_is_answered_direct() -> None:
    assert ONLY_67.hear(discover(7)).reply.vendor == [(6, b"\x08")]


def test_P17_without_port_4011_the_offers_siaddr_is_the_files_server() -> None:
    assert str(ONLY_67.hear(discover(6)).reply.siaddr) == "192.0.2.10"


@pytest.mark.parametrize("arch", [6, 7, 9, 10])
def test_P18_a_binl_offer_holds_no_option_43(arch: int) -> None:
    assert 43 not in EVERY.hear(discover(arch)).reply.options


def test_P19_a_direct_offer_says_download_and_names_the_file() -> None:
    reply = EVERY.hear(discover(11)).reply
    assert (reply.options[43], reply.file) == (b"\6\1\x08\xff", "arm64.efi")


def test_P19_a_direct_offers_siaddr_is_the_files_server() -> None:
    assert str(EVERY.hear(discover(11)).reply.siaddr) == "192.0.2.10"


def test_P19_a_boot_item_in_a_discover_changes_no_offer() -> None:
    asked = discover(0, options={43: tlv(71, u16(0x8001, 0)) + b"\xff"})
    assert EVERY.hear(asked).reply.options[43] == b"\6\1\x08\xff"


@given(answerable())
def test_P20_P21_no_reply_holds_multicast_tftp_or_a_server_list(heard: Heard) -> None:
    reply = EVERY.hear(heard.datagram, port=heard.port, source=heard.source).reply
    assert not {1, 2, 3, 4, 5, 8} & {code for code, _ in reply.vendor}


def test_P22_bios_is_answered_direct() -> None:
    reply = EVERY.hear(discover(0)).reply
    assert (reply.options[43], reply.siaddr) == (b"\6\1\x08\xff", OUR_ADDRESS)


@pytest.mark.parametrize(("style", "has_43"), [("auto", False), ("binl", False), ("direct", True)])
def test_P23_the_style_of_uefi_is_a_rules_choice(style: str, *, has_43: bool) -> None:
    rule = f'[[boot]]\narch = "uefi-x64"\nfile = "f"\nstyle = "{style}"'
    assert (43 in Responder(rule).hear(discover(7)).reply.options) == has_43


@pytest.mark.parametrize(("style", "has_43"), [("auto", True), ("binl", False), ("direct", True)])
def test_P23_the_style_of_bios_is_a_rules_choice(style: str, *, has_43: bool) -> None:
    rule = f'[[boot]]\narch = "bios"\nfile = "f"\nstyle = "{style}"'
    assert (43 in Responder(rule).hear(discover(0)).reply.options) == has_43


# --- P26 to P34: iPXE, arches, Pi, and others ----------------------------------------------------


@pytest.mark.parametrize("arch", [0, 6, 7, 9, 11])
def test_P26_ipxe_gets_the_second_stage_by_default(arch: int) -> None:
    first = DEFAULT.hear(discover(arch)).reply.file
    second = DEFAULT.hear(ipxe_discover(arch)).reply.file
    assert (first != second, second) == (True, "default.ipxe")


@pytest.mark.parametrize("sign", [{77: b"iPXE"}, {77: b"\4iPXE"}, {175: b"\x24\1\1"}])
def test_P26_each_sign_of_ipxe_is_enough(sign: dict[int, bytes | None]) -> None:
    assert DEFAULT.hear(discover(7, options=sign)).rule == "iPXE"


@pytest.mark.parametrize(
    "file",
    ["undionly.kpxe", "undionly.kkpxe", "snponly.efi", "arm64-efi/snponly.efi", "ipxe.efi",
     "IPXE.EFI", "ipxe.pxe", "ipxe-x86_64.efi", "a\\\\b\\\\snp.efi"],
)  # fmt: skip
def test_P26_ipxe_is_never_told_to_load_ipxe(file: str) -> None:
    assert Responder(f'[[boot]]\nfile = "{file}"').hear(ipxe_discover(7)).payload == b""


@pytest.mark.parametrize("arch", [0, 7])
def test_P27_ipxe_gets_no_option_43(arch: int) -> None:
    assert 43 not in EVERY.hear(ipxe_discover(arch)).reply.options


def test_P28_arch_7_and_9_are_one_family() -> None:
    assert [EVERY.hear(discover(arch)).rule for arch in (7, 9)] == ["x64", "x64"]


@pytest.mark.parametrize("arch", [1, 27, 39, 0xFFFF])
def test_P29_an_arch_without_a_rule_gets_silence(arch: int) -> None:
    assert EVERY.hear(discover(arch)).reason == "unknown_arch"


def test_P29_the_first_listed_arch_that_has_a_rule_counts() -> None:
    assert EVERY.hear(discover(options={93: u16(1, 27, 11, 7)})).rule == "arm64 direct"


@pytest.mark.parametrize(
    "condition",
    ['mac = "52:54:00:12:34:56"', f'uuid = "{GUID.hex()}"', 'arch = "uefi-x64"'],
)
def test_P30_a_deny_rule_is_silence(condition: str) -> None:
    denying = Responder(f"[[boot]]\n{condition}\nignore = true\n" + EVERY_KIND)
    assert denying.hear(discover()).reason == "denied"


@pytest.mark.parametrize("condition", ['mac = "52:54:00:12:34:57"', 'arch = "bios"'])
def test_P30_a_deny_rule_that_does_not_hold_denies_nobody(condition: str) -> None:
    denying = Responder(f"[[boot]]\n{condition}\nignore = true\n" + EVERY_KIND)
    assert denying.hear(discover()).rule == "x64"


PI_SIGNS = {
    "oui": discover(0, chaddr=PI_MAC),
    "guid": discover(0, options={97: b"\0RPi4" + bytes(12)}),
    "arch": discover(41),
}


@pytest.mark.parametrize("sign", PI_SIGNS)
def test_P31_a_raspberry_pi_gets_the_pi_reply(sign: str) -> None:
    assert EVERY.hear(PI_SIGNS[sign]).rule == "pi"


@pytest.mark.parametrize(
    "oui", ["b827eb", "dca632", "e45f01", "28cdc1", "d83add", "2ccf67", "88a29e"]
)
def test_P31_every_address_block_of_raspberry_pi_is_known(oui: str) -> None:
    mac = bytes.fromhex(oui + "000001")
    beside = bytes.fromhex(oui[:5] + f"{int(oui[5], 16) ^ 1:x}" + "000001")
    assert EVERY.hear(discover(0, chaddr=mac)).rule == "pi"
    assert EVERY.hear(discover(0, chaddr=beside)).rule == "bios"


@pytest.mark.parametrize("sign", PI_SIGNS)
def test_P31_a_raspberry_pi_without_a_pi_rule_gets_silence(sign: str) -> None:
    assert DEFAULT.hear(PI_SIGNS[sign]).reason in {"no_rule", "unknown_arch"}


def test_P31_a_raspberry_pi_gets_no_rule_for_every_arch() -> None:
    assert Responder('[[boot]]\nfile = "f"').hear(PI_SIGNS["oui"]).payload == b""


def test_P31_the_uefi_of_a_raspberry_pi_is_uefi() -> None:
    assert EVERY.hear(discover(11, chaddr=PI_MAC)).rule == "arm64 direct"


def test_P31_ipxe_on_a_raspberry_pi_is_ipxe() -> None:
    assert EVERY.hear(ipxe_discover(0, chaddr=PI_MAC)).rule == "ipxe"


@pytest.mark.parametrize("sign", PI_SIGNS)
def test_P32_the_pi_reply_holds_the_text_in_43_and_66_after_it(sign: str) -> None:
    reply = EVERY.hear(PI_SIGNS[sign]).reply
    assert b"Raspberry Pi Boot   " in dict(reply.vendor)[9]
    assert reply.options[66] == b"10.77.0.2\0"
    assert reply.order.index(43) < reply.order.index(66)


@pytest.mark.parametrize("server", ["203.0.113.245", "1.20.100.9", "99.199.0.10"])
def test_P32_option_66_is_the_dotted_quad_of_the_server(server: str) -> None:
    pi = Responder(f'[[boot]]\narch = "rpi"\nfile = "f"\nserver = "{server}"')
    assert pi.hear(discover(41)).reply.options[66] == server.encode() + b"\0"


def test_P32_a_boot_item_in_a_discover_changes_no_pi_offer() -> None:
    asked = discover(41, options={43: tlv(71, u16(0, 0)) + b"\xff"})
    assert b"Raspberry Pi Boot" in EVERY.hear(asked).reply.options[43]


@pytest.mark.parametrize("kind", [1, 8])
@pytest.mark.parametrize("port", [67, 4011])
def test_P33_bsdp_gets_silence(kind: int, port: int) -> None:
    bsdp = discover(
        options={53: bytes([kind]), 60: b"AAPLBSDPC/i386/iMac14,1", 43: tlv(71, bytes(4)), 93: None}
    )
    assert EVERY.hear(bsdp, port=port, source=CLIENT).reason == "not_pxe"


def test_P34_option_61_is_not_echoed_by_default() -> None:
    assert 61 not in EVERY.hear(discover(options={61: b"\1" + PI_MAC})).reply.options


@pytest.mark.parametrize("value", [b"\1" + PI_MAC, b"\xff" + bytes(18), b"x"])
def test_P34_option_61_is_echoed_byte_for_byte_when_configured(value: bytes) -> None:
    assert ECHOING.hear(discover(options={61: value})).reply.options[61] == value


# --- boot-server discovery, min_secs, room -------------------------------------------------------


@pytest.mark.parametrize("port", [67, 4011])
def test_a_boot_server_discovery_gets_its_item_back(port: int) -> None:
    reply = EVERY.hear(discovery(0, 3), port=port, source=CLIENT).reply
    assert (reply.kind, reply.vendor) == (MessageType.ACK, [(71, u16(0, 3))])


@pytest.mark.parametrize(
    ("kind", "layer", "reason"), [(0x8001, 0, "unserved_item"), (0, 0x8000, "credentials")]
)
def test_a_boot_server_discovery_for_what_is_not_here_gets_silence(
    kind: int, layer: int, reason: str
) -> None:
    assert EVERY.hear_on_4011(discovery(kind, layer)).reason == reason


def test_H01_http_boot_has_no_second_step() -> None:
    asked = request_4011(16, family="HTTPClient")
    assert EVERY.hear_on_4011(asked).reason == "http_on_4011"


def test_H01_H05_http_boot_gets_its_url_in_67_and_in_the_header() -> None:
    reply = EVERY.hear(discover(16, family="HTTPClient")).reply
    expected = (HTTP_URL.encode() + b"\0", HTTP_URL, [53, 54, 60, 67, 97])
    assert (reply.options[67], reply.file, reply.order) == expected


@pytest.mark.parametrize(("secs", "reason"), [(9, "too_early"), (10, "answered")])
def test_a_discover_before_min_secs_gets_silence(secs: int, reason: str) -> None:
    waiting = Responder("[dhcp]\nmin_secs = 10\n" + EVERY_KIND)
    assert waiting.hear(discover(secs=secs)).reason == reason


def test_min_secs_delay_no_4011_request() -> None:
    waiting = Responder("[dhcp]\nmin_secs = 10\n" + EVERY_KIND)
    assert waiting.hear_on_4011(request_4011(secs=0)).reason == "answered"


@pytest.mark.parametrize(
    ("relay_size", "kept"),
    [
        (208, [61, 66, 82]),
        (209, [61, 82]),
        (220, [61, 82]),
        (221, [82]),
        (229, [82]),
        (230, [61, 66]),
    ],
)
def test_C14_66_gives_way_before_61_and_both_before_82(relay_size: int, kept: list[int]) -> None:
    crowded = {57: u16(576), 61: b"\1" + PI_MAC, 82: bytes(relay_size)}
    order = ECHOING.hear(discover(41, options=crowded)).reply.order
    assert order == [53, 54, 60, 43, 97, *kept]


def test_a_menu_whose_choices_are_not_among_the_replies_is_refused() -> None:
    plain = RuleReply(
        PXE,
        names_server=False,
        offer_siaddr=0,
        ack_siaddr=0,
        file=b"f",
        offer_vendor=b"",
        ack_vendor=b"",
        bootfile=b"",
    )
    (one,) = rows([plain], echo_client_id=False)
    with pytest.raises(ValueError, match="among the replies"):
        Policy([], [msgspec.structs.replace(one, first_item=1, item_count=1)])


FOUR = {"every": EVERY, "echoing": ECHOING, "local": LOCAL, "only 67": ONLY_67}


@pytest.mark.parametrize("name", FOUR)
@given(heard=answerable())
def test_C12_no_reply_is_larger_than_the_client_takes(name: str, heard: Heard) -> None:
    answer = FOUR[name].hear(heard.datagram, port=heard.port, source=heard.source)
    asked = reference.read(heard.datagram).options.get(57, b"")
    limit = int.from_bytes(asked) if len(asked) == 2 else 0
    assert len(answer.payload) <= min(max(548, min(limit, 1500) - 28), 1472)


@pytest.mark.parametrize("name", FOUR)
@given(heard=answerable())
def test_C10_every_reply_ends_and_is_padded_to_300_bytes(name: str, heard: Heard) -> None:
    answer = FOUR[name].hear(heard.datagram, port=heard.port, source=heard.source)
    assert answer.payload == answer.payload.rstrip(b"\0").ljust(300, b"\0")


@pytest.mark.parametrize("name", FOUR)
@given(heard=answerable())
def test_C09_no_reply_holds_an_empty_option(name: str, heard: Heard) -> None:
    reply = FOUR[name].hear(heard.datagram, port=heard.port, source=heard.source).reply
    assert all(reply.options.values())


@pytest.mark.parametrize("name", FOUR)
@given(heard=answerable())
def test_P03_P06_whatever_is_asked_yiaddr_is_zero_and_siaddr_is_not(
    name: str, heard: Heard
) -> None:
    reply = FOUR[name].hear(heard.datagram, port=heard.port, source=heard.source).reply
    assert (reply.address("yiaddr") == NOWHERE, reply.siaddr == NOWHERE) == (True, False)


@given(datagrams())
def test_any_bytes_get_an_answer_or_a_reason(datagram: bytes) -> None:
    for port in (67, 4011):
        answer = EVERY.hear(datagram, port=port, source=CLIENT)
        assert bool(answer.payload) == (answer.reason == "answered")


# --- hostile input, by its number ----------------------------------------------------------------


class Row(NamedTuple):
    number: int
    what: str
    datagram: bytes
    expected: str  # the reason for silence, or the rule that answers
    port: int = 67
    source: IPv4Address = NOWHERE
    source_port: int = 68


def on_4011(number: int, what: str, datagram: bytes, expected: str, source_port: int = 4011) -> Row:
    return Row(number, what, datagram, expected, 4011, CLIENT, source_port)


def changed(**codes: bytes | None) -> bytes:
    return discover(options={int(name.removeprefix("o")): value for name, value in codes.items()})


SOUP = tlvs([(52, b"\3"), (53, b"\1"), (12, b"x")])
NO_DIGITS = {60: b"PXEClient"}

HOSTILE = [
    Row(1, "empty", b"", "short"),
    Row(1, "239 bytes", header()[:239], "short"),
    Row(2, "no options", header(), "not_pxe"),
    Row(3, "other magic", discover(magic=b"\x63\x82\x53\x64"), "bad_magic"),
    Row(3, "bootp", discover(magic=bytes(4)), "bad_magic"),
    Row(4, "tag at the very end", discover()[:-1] + b"\x3d", "x64"),
    Row(5, "length past the end", discover()[:-1] + b"\x3d\xffab", "x64"),
    Row(6, "no end", discover()[:-1], "x64"),
    Row(7, "pads", header() + bytes(65507 - 240), "not_pxe"),
    Row(8, "one option 300 times", message(*[(43, bytes(99))] * 300), "option_too_long"),
    Row(9, "a reply", discover(op=2), "not_a_request"),
    Row(10, "hlen 17", discover(hlen=17), "bad_hlen"),
    Row(10, "hlen 255", discover(hlen=255), "bad_hlen"),
    Row(11, "hlen 0", discover(hlen=0), "x64"),
    Row(12, "htype 255", discover(htype=255), "x64"),
    Row(13, "empty 53", changed(o53=b""), "wrong_type"),
    Row(13, "empty 60", changed(o60=b""), "not_pxe"),
    Row(13, "empty 93", discover(options={93: b"", **NO_DIGITS}), "no_arch"),
    Row(14, "type 0", changed(o53=b"\0"), "wrong_type"),
    Row(14, "type 9", changed(o53=b"\x09"), "wrong_type"),
    Row(14, "type of two bytes", changed(o53=b"\1\1"), "wrong_type"),
    Row(15, "class and garbage", changed(o60=b"PXEClient" + b"\xff\0\n" * 82), "x64"),
    Row(16, "class of 8 bytes", changed(o60=b"PXEClien"), "not_pxe"),
    Row(16, "class in lower case", changed(o60=b"pxeclient"), "not_pxe"),
    Row(17, "93 of 1 byte", changed(o93=b"\0"), "x64"),
    Row(17, "93 of 3 bytes", changed(o93=b"\0\0\0"), "x64"),
    Row(17, "93 of 254 bytes", changed(o93=u16(*[1] * 15, 7, *[0] * 111)), "x64"),
    Row(17, "93 with the arch in place 17", changed(o93=u16(*[1] * 16, 7)), "unknown_arch"),
    Row(18, "97 of 1 byte", changed(o97=b"\0"), "x64"),
    Row(18, "97 of 16 bytes", changed(o97=GUID), "x64"),
    Row(18, "97 of 255 bytes", changed(o97=bytes(255)), "x64"),
    Row(18, "97 of type 1", changed(o97=b"\1" + GUID), "x64"),
    Row(19, "77 longer than it is", changed(o77=b"\xffiPXE"), "x64"),
    on_4011(20, "43 with length 255", request_4011(options={43: b"\x47\xff\0\0"}), "x64"),
    on_4011(20, "43 of ends", request_4011(options={43: b"\xff" * 99}), "x64"),
    on_4011(21, "71 of 0 bytes", request_4011(options={43: tlv(71, b"")}), "x64"),
    on_4011(21, "71 of 3 bytes", request_4011(options={43: tlv(71, bytes(3))}), "x64"),
    Row(
        21, "71 of 3 bytes on 67", request_4011(options={43: tlv(71, bytes(3))}), "for_other_server"
    ),
    on_4011(22, "a type not served", discovery(0x8001), "unserved_item"),
    on_4011(22, "a request for credentials", discovery(0, 0x8000), "credentials"),
    Row(23, "82 malformed", changed(o82=b"\1\xff"), "x64"),
    Row(23, "82 of 255 bytes", changed(o82=bytes(255)), "x64"),
    Row(
        24,
        "overloaded soup",
        discover(options={52: b"\3"}, file=SOUP, sname=SOUP[:64]),
        "wrong_type",
    ),
    Row(24, "overload 0", discover(options={52: b"\0"}, file=SOUP), "x64"),
    Row(24, "overload 255", discover(options={52: b"\xff"}, file=SOUP), "x64"),
    *(
        Row(25, f"giaddr {giaddr}", discover(giaddr=IPv4Address(giaddr)), "bad_giaddr")
        for giaddr in BAD_RELAYS
    ),
    Row(26, "hops 16", discover(hops=16), "x64"),
    Row(26, "hops 17", discover(hops=17), "bad_hops"),
    Row(26, "hops 255", discover(hops=255), "bad_hops"),
    *(
        Row(27, f"ciaddr {ciaddr}", discover(ciaddr=IPv4Address(ciaddr)), "bad_ciaddr")
        for ciaddr in ("255.255.255.255", "224.0.0.1", "127.0.0.1", str(OUR_ADDRESS))
    ),
    on_4011(28, "source is not ciaddr", request_4011(ciaddr=FOREIGN), "x64"),
    *(
        on_4011(29, f"source port {port}", request_4011(), "bad_source", port)
        for port in (0, 7, 19, 67, 69)
    ),
    Row(29, "port 4011 of our own", request_4011(), "own_packet", 4011, OTHER_OWN_ADDRESS, 4011),
    on_4011(29, "source port 68", request_4011(), "x64", 68),
    on_4011(29, "source port 50000", request_4011(), "x64", 50000),
    Row(31, "57 of 0", changed(o57=u16(0)), "x64"),
    Row(31, "57 of 65535", changed(o57=u16(65535)), "x64"),
    Row(31, "57 of 1 byte", changed(o57=b"\xff"), "x64"),
]


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: f"{row.number:02}-{row.what}")
def test_hostile(row: Row) -> None:
    answer = EVERY.hear(row.datagram, port=row.port, source=row.source, source_port=row.source_port)
    assert (answer.rule if answer.payload else answer.reason) == row.expected


def test_hostile_rows_are_complete() -> None:
    """All of 1 to 31 but 30, a flood, which no single datagram is."""
    assert {row.number for row in HOSTILE} == set(range(1, 32)) - {30}


def test_hostile_12_an_unknown_htype_is_answered_by_broadcast() -> None:
    assert EVERY.hear(discover(htype=255)).destination == BROADCAST


def test_hostile_23_a_malformed_82_overrides_nothing() -> None:
    asked = discover(options={82: tlv(11, OVERRIDE.packed) + b"\1"})
    assert ECHOING.hear(asked).reply.server_id == OUR_ADDRESS


def test_hostile_28_the_answer_goes_to_the_source_and_to_no_third_address() -> None:
    assert EVERY.hear_on_4011(request_4011(ciaddr=FOREIGN)).destination == (CLIENT, 4011)


@pytest.mark.parametrize("source", ["255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.1"])
@pytest.mark.parametrize("port", [67, 4011])
def test_a_source_that_is_no_host_gets_no_answer(source: str, port: int) -> None:
    asked = EVERY.hear(discover(), port=port, source=IPv4Address(source))
    assert asked.reason == "bad_source"


# --- rate limits ----------------------------------------------------------------------------------

LIMITED = "[dhcp]\nmax_per_mac = 2\nmax_per_relay = 3\n[[boot]]\nfile = 'f'\n"


def reasons(*asked: tuple[int, bytes]) -> list[str]:
    """What becomes of requests, each with the time in milliseconds at which it comes."""
    native = compiler.build(config.parse(LIMITED, "test.toml"), []).native
    return [REASONS[native.decide(datagram, now_ms=now_ms)[0]] for now_ms, datagram in asked]


def test_a_machine_gets_no_more_answers_a_second_than_it_may() -> None:
    other = discover(chaddr=bytes.fromhex("525400999999"))
    assert reasons(
        (1, discover(xid=1)), (2, discover(xid=2)), (3, discover(xid=3)), (4, other),
        (503, discover(xid=4)), (504, discover(xid=5)), (60_000, discover()),
    ) == [
        "answered", "answered", "mac_limit", "answered", "answered", "mac_limit", "answered"
    ]  # fmt: skip


def test_a_relay_gets_no_more_answers_a_second_than_it_may() -> None:
    clients = [
        (1, discover(chaddr=bytes([2, 0, 0, 0, 0, n]), giaddr=IPv4Address("10.5.0.1")))
        for n in range(4)
    ]
    unrelayed = (1, discover(chaddr=bytes([2, 0, 0, 0, 0, 9])))
    assert reasons(*clients, unrelayed) == ["answered"] * 3 + ["relay_limit", "answered"]


def test_a_clock_that_wraps_refills_as_any_other() -> None:
    last = 0xFFFFFFFF
    asked = [(last, discover(xid=1)), (last, discover(xid=2)), (499, discover(xid=3))]
    assert reasons(*asked) == ["answered"] * 3
