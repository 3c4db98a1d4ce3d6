"""Which rule wins, and what it says to each kind of client."""
# ruff: noqa: N802 - P26 and the like are the numbers of the protocol statements

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from packets import (
    CLIENT,
    GUID,
    GUID_TEXT,
    NOWHERE,
    OUR_ADDRESS,
    discover,
    ipxe_discover,
    request_4011,
    tlv,
    tlvs,
    u16,
)
from responder import Responder

from fastpxe.dhcp.identity import Pattern, microsoft_order
from fastpxe.policy import compiler, config
from fastpxe.policy._host_table import HostBootTable
from fastpxe.policy.compiler import Compiled
from fastpxe.policy.config import Config
from fastpxe.policy.rules import Match, Text
from fastpxe.policy.schema import Dhcp
from fastpxe.tftp.packets import TftpSettings


def rule_for(conditions: str, datagram: bytes, *, address: IPv4Address = OUR_ADDRESS) -> str:
    """ "it" when the rule with these conditions holds, else "rest"."""
    text = f'[[boot]]\nname = "it"\nfile = "it"\n{conditions}\n[[boot]]\nname = "rest"\nfile = "r"'
    return Responder(text).hear(datagram, address=address).rule


# --- order and conditions ------------------------------------------------------------------------


def test_the_first_rule_that_holds_wins() -> None:
    rules = "".join(f'[[boot]]\nname = "{n}"\nfile = "{n}"\n' for n in ("one", "two", "three"))
    assert Responder(rules).hear(discover()).rule == "one"


@pytest.mark.parametrize("first", ["mac", "uuid", "open"])
@pytest.mark.parametrize("second", ["mac", "uuid", "open"])
def test_file_order_holds_between_hosts_and_other_rules(first: str, second: str) -> None:
    line = {"mac": 'mac = "52:54:00:12:34:56"', "uuid": f'uuid = "{GUID_TEXT}"', "open": ""}
    rules = (
        f'[[boot]]\nname = "first"\nfile = "f"\n{line[first]}\n[[boot]]\nfile = "s"\n{line[second]}'
    )
    assert Responder(rules).hear(discover()).rule == "first"


def test_a_host_whose_other_condition_fails_leaves_the_turn_to_a_later_rule() -> None:
    assert rule_for('mac = "52:54:00:12:34:56"\narch = "bios"', discover(7)) == "rest"


def test_values_of_one_condition_are_alternatives() -> None:
    assert rule_for('mac = ["00:00:00:00:00:01", "52:54:00:12:34:56"]', discover()) == "it"


def test_each_machine_of_a_long_list_is_found_and_no_other() -> None:
    """One rule with 100,000 machines; a scan of them for each packet would take a minute here."""
    macs = [bytes((2, 0, 0)) + number.to_bytes(3) for number in range(100_000)]
    built = compiled([Match(macs=tuple(Pattern(mac, b"\xff" * 6) for mac in macs))])

    def rule(mac: bytes) -> int:
        return built.native.decide(
            discover(chaddr=mac), source=int(CLIENT), address=int(OUR_ADDRESS)
        )[4]

    for mac in macs[::7]:
        assert rule(mac) == 0
        assert rule(b"\x06" + mac[1:]) == -1


def test_conditions_of_two_kinds_must_both_hold() -> None:
    assert rule_for(f'mac = "00:00:00:00:00:01"\nuuid = "{GUID_TEXT}"', discover()) == "rest"


def test_of_two_conditions_with_alternatives_one_each_must_hold() -> None:
    both = f'mac = ["00:*", "52:54:*"]\nuuid = ["00*", "{GUID_TEXT}"]\nuser_class = ["x", "y"]'
    found = [rule_for(both, discover(options={77: text})) for text in (b"y", b"z")]
    assert found == ["it", "rest"]


@pytest.mark.parametrize(
    ("mac", "rule"),
    [
        ("52:54:00:12:34:56", "it"),
        ("52-54-00-12-34-56", "it"),
        ("52:54:00:*", "it"),
        ("52:*:00:12:34:5?", "it"),
        ("*", "it"),
        ("52:54:00:12:34:57", "rest"),
        ("52:54:01:*", "rest"),
        ("52:*:00:12:34:6?", "rest"),
    ],
)
def test_a_mac_is_whole_begun_or_a_pattern(mac: str, rule: str) -> None:
    assert rule_for(f'mac = "{mac}"', discover()) == rule


@pytest.mark.parametrize("hlen", [0, 5, 7, 16])
@pytest.mark.parametrize("mac", ["52:54:00:12:34:56", "*"])
def test_a_hardware_address_of_another_length_is_no_mac(mac: str, hlen: int) -> None:
    assert rule_for(f'mac = "{mac}"', discover(hlen=hlen)) == "rest"


WIRE_TEXT = GUID.hex("-", 4)


@pytest.mark.parametrize(
    ("uuid", "rule"),
    [
        (GUID_TEXT, "it"),
        (WIRE_TEXT, "it"),
        ("00" + GUID.hex(), "it"),
        ("4c4c4544-0038-36*", "it"),
        ("44454c4c-3800-10*", "it"),
        ("4c4c4544-0038-3610-804e-c4c04f4a5832", "rest"),
        ("00" + microsoft_order(GUID).hex(), "rest"),
        ("4c4c4545*", "rest"),
    ],
)
def test_a_uuid_is_found_in_either_byte_order(uuid: str, rule: str) -> None:
    assert rule_for(f'uuid = "{uuid}"', discover()) == rule


@pytest.mark.parametrize("value", [None, GUID, b"\1" + GUID, b"\0" + GUID + b"\0"])
def test_what_is_no_uuid_meets_no_uuid_condition(value: bytes | None) -> None:
    assert rule_for('uuid = ["0*", "4*"]', discover(options={97: value})) == "rest"


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("PXEClient:Arch:00007:UNDI:003000", "it"),
        ("PXEClient:Arch:00007:*", "it"),
        ("*UNDI:003*", "it"),
        ("*PXE*", "it"),
        ("*003000*", "it"),
        ("PXEClient", "rest"),
        ("PXEClient:Arch:00000:*", "rest"),
        ("*undi*", "rest"),
    ],
)
def test_a_vendor_class_is_whole_begun_or_a_part(pattern: str, rule: str) -> None:
    assert rule_for(f'vendor_class = "{pattern}"', discover()) == rule


@pytest.mark.parametrize("value", [b"gPXE 1.0", b"\x08gPXE 1.0", b"\3foo\x08gPXE 1.0"])
@pytest.mark.parametrize(
    ("pattern", "rule"),
    [("gPXE 1.0", "it"), ("gPXE*", "it"), ("*XE 1*", "it"), ("gPXE", "rest"), ("*foog*", "rest")],
)
def test_a_user_class_is_whole_begun_or_a_part_of_one_instance(
    value: bytes, pattern: str, rule: str
) -> None:
    assert rule_for(f'user_class = "{pattern}"', discover(options={77: value})) == rule


def test_without_option_77_no_user_class_holds() -> None:
    assert rule_for('user_class = "*a*"', discover()) == "rest"


SUBNETS = {
    "82.5": discover(options={82: tlv(5, b"\x0a\1\2\3")}),
    "118": discover(options={118: b"\x0a\1\2\3"}),
    "giaddr": discover(giaddr=IPv4Address("10.1.2.3")),
    "ciaddr": discover(ciaddr=IPv4Address("10.1.2.3")),
}


@pytest.mark.parametrize("told_by", SUBNETS)
@pytest.mark.parametrize(
    ("subnet", "rule"),
    [("10.1.2.0/24", "it"), ("10.0.0.0/8", "it"), ("10.1.2.3/32", "it"), ("10.1.3.0/24", "rest")],
)
def test_a_subnet_is_told_by_relay_or_client(told_by: str, subnet: str, rule: str) -> None:
    assert rule_for(f'subnet = "{subnet}"', SUBNETS[told_by]) == rule


@pytest.mark.parametrize(("subnet", "rule"), [("10.1.2.0/24", "it"), ("10.77.0.0/24", "rest")])
def test_a_subnet_is_told_by_the_interface_when_nobody_else_does(subnet: str, rule: str) -> None:
    address = IPv4Address("10.1.2.3")
    assert rule_for(f'subnet = "{subnet}"', discover(), address=address) == rule


def test_any_subnet_holds_everywhere() -> None:
    assert rule_for('subnet = "0.0.0.0/0"', discover()) == "it"


@pytest.mark.parametrize(
    ("ipxe", "datagram", "rule"),
    [
        ("true", ipxe_discover(), "it"),
        ("true", discover(), "rest"),
        ("false", ipxe_discover(), "rest"),
        ("false", discover(), "it"),
    ],
)
def test_a_rule_may_be_for_ipxe_or_for_all_others(ipxe: str, datagram: bytes, rule: str) -> None:
    assert rule_for(f"ipxe = {ipxe}", datagram) == rule


# --- hosts with a boot of their own ---------------------------------------------------------------

OWN = """
[[boot]]
name = "usual"
file = "usual"
[[boot]]
name = "installer"
hosts_only = true
arch = "uefi-x64"
file = "installer.efi"
[[boot]]
name = "installer"
hosts_only = true
mac = "52:54:00:*"
arch = "bios"
file = "installer.0"
"""


def rule_of_host(text: str, datagram: bytes, boots: dict[bytes, str]) -> str:
    built = compiler.build(config.parse(OWN + text, "test"), [], table_of(8))
    built.hosts.replace([(key, built.boots[name]) for key, name in boots.items()])
    rule = built.native.decide(datagram, address=int(OUR_ADDRESS))[4]
    return built.rules[rule].boot.file or ""


def table_of(capacity: int) -> HostBootTable:
    return HostBootTable(bytearray(HostBootTable.size_for(capacity)), capacity)


HOST = bytes.fromhex("525400123456")


def test_a_rule_for_hosts_alone_is_nobody_else_s() -> None:
    assert rule_of_host("", discover(7, chaddr=HOST), {}) == "usual"


@pytest.mark.parametrize(("arch", "file"), [(7, "installer.efi"), (0, "installer.0")])
def test_a_host_gets_the_first_rule_of_its_boot_that_holds(arch: int, file: str) -> None:
    assert rule_of_host("", discover(arch, chaddr=HOST), {HOST: "installer"}) == file


def test_a_host_for_which_no_rule_of_its_boot_holds_gets_what_all_get() -> None:
    assert rule_of_host("", discover(11, chaddr=HOST), {HOST: "installer"}) == "usual"
    other = bytes.fromhex("020000000001")
    assert rule_of_host("", discover(0, chaddr=other), {other: "installer"}) == "usual"


def test_a_host_s_own_rule_by_its_mac_comes_after_its_boot() -> None:
    text = '[[boot]]\nname = "its"\nmac = "52:54:00:12:34:56"\nfile = "its"\n'
    assert rule_of_host(text, discover(7, chaddr=HOST), {}) == "usual"
    assert rule_of_host(text, discover(7, chaddr=HOST), {HOST: "its"}) == "its"
    other = bytes.fromhex("020000000001")
    assert rule_of_host(text, discover(7, chaddr=other), {other: "its"}) == "usual"


def test_the_hosts_of_a_configuration_are_in_force_from_the_start() -> None:
    text = f'[[host]]\nuuid = "{GUID_TEXT}"\nboot = "installer"\n'
    built = compiler.build(config.parse(OWN + text, "test"), [])
    found = built.native.decide(discover(7, uuid=GUID), address=int(OUR_ADDRESS))[4]
    assert built.rules[found].boot.file == "installer.efi"


def test_a_table_has_room_for_hosts_to_come() -> None:
    assert compiler.room_for(config.parse(OWN, "test")) == compiler.HOSTS_ROOM


# --- what a rule says to each kind of client -----------------------------------------------------


def test_one_machine_has_a_file_of_its_own_in_uefi_mode_alone() -> None:
    """A Dell E6230 whose UEFI needs another NIC driver, and whose BIOS doesn't."""
    responder = Responder(f"""
[[boot]]
name = "Dell E6230"
arch = "uefi-x64"
uuid = "{GUID_TEXT}"
file = "intel.efi"

[[boot]]
arch = "uefi-x64"
file = "default.efi"

[[boot]]
arch = "bios"
file = "bios.0"
""")
    other = discover(7, options={97: b"\0" + GUID[:-1] + b"2"})
    served = [responder.hear(asked).reply.file for asked in (discover(7), discover(0), other)]
    assert served == ["intel.efi", "bios.0", "default.efi"]


BOTH = '[[boot]]\nfile = "f.efi"\nurl = "http://192.0.2.1/f.efi"'


@pytest.mark.parametrize(
    ("datagram", "file"),
    [
        (discover(7), "f.efi"),
        (discover(0), "f.efi"),
        (ipxe_discover(7), "http://192.0.2.1/f.efi"),
        (discover(16, family="HTTPClient"), "http://192.0.2.1/f.efi"),
    ],
)
def test_firmware_gets_the_file_and_who_can_gets_the_url(datagram: bytes, file: str) -> None:
    assert Responder(BOTH).hear(datagram).reply.file == file


def test_ipxe_under_a_rule_with_a_url_alone_gets_the_url() -> None:
    text = '[[boot]]\nurl = "http://192.0.2.1/x"'
    assert Responder(text).hear(ipxe_discover(0)).reply.file == "http://192.0.2.1/x"


def test_a_rule_that_has_nothing_for_a_client_leaves_the_turn_to_a_later_rule() -> None:
    text = '[[boot]]\nurl = "http://192.0.2.1/x"\n[[boot]]\nname = "second"\nfile = "f"'
    assert Responder(text).hear(discover(7)).rule == "second"


OWN_HTTP = "[http]\nenabled = true\n"
HTTP_CLIENT = discover(16, family="HTTPClient")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (OWN_HTTP + '[[boot]]\nfile = "f.efi"', "http://10.77.0.2/f.efi"),
        (OWN_HTTP + 'port = 8080\n[[boot]]\nfile = "f.efi"', "http://10.77.0.2:8080/f.efi"),
        (OWN_HTTP + "[[boot]]\nfile = '\\a b\\f.efi'", "http://10.77.0.2/a%20b/f.efi"),
        ('[[boot]]\nurl = "http://{server}/f.efi"', "http://10.77.0.2/f.efi"),
        (BOTH, "http://192.0.2.1/f.efi"),
        (OWN_HTTP + BOTH, "http://192.0.2.1/f.efi"),
    ],
)
def test_H02_H03_H04_http_boot_gets_an_absolute_url_with_an_address(text: str, url: str) -> None:
    reply = Responder(text).hear(HTTP_CLIENT).reply
    assert (reply.file, reply.options[67]) == (url, url.encode() + b"\0")


@pytest.mark.parametrize(
    "text",
    [
        '[[boot]]\nfile = "f.efi"',
        OWN_HTTP + '[[boot]]\nfile = "f.efi"\nserver = "192.0.2.10"',
    ],
)
def test_H02_without_a_url_http_boot_gets_no_offer(text: str) -> None:
    assert Responder(text).hear(HTTP_CLIENT).reason == "no_rule"


def test_our_own_http_server_changes_nothing_for_firmware_that_speaks_tftp() -> None:
    text = OWN_HTTP + '[[boot]]\nfile = "f.efi"'
    assert Responder(text).hear(discover(7)).reply.file == "f.efi"
    assert Responder(text).hear(ipxe_discover(7)).reply.file == "f.efi"


def test_a_url_that_becomes_too_long_for_the_header_is_in_option_67_alone() -> None:
    path = "d" * (127 - len("http://{server}/"))
    reply = Responder(f'[[boot]]\nurl = "http://{{server}}/{path}"').hear(HTTP_CLIENT).reply
    url = f"http://10.77.0.2/{path}"
    assert (reply.file, reply.options[67]) == (url if len(url) < 128 else "", url.encode() + b"\0")


def test_http_boot_gets_a_long_url_in_option_67_alone() -> None:
    url = "http://192.0.2.1/" + "d/" * 60
    reply = Responder(f'[[boot]]\nurl = "{url}"').hear(discover(16, family="HTTPClient")).reply
    assert (reply.file, reply.options[67]) == ("", url.encode() + b"\0")


def test_the_ack_names_the_server_of_the_rule() -> None:
    text = '[[boot]]\nfile = "f"\nserver = "192.0.2.9"'
    reply = Responder(text).hear_on_4011(request_4011(7)).reply
    assert reply.siaddr == IPv4Address("192.0.2.9")


@pytest.mark.parametrize("match", ["ipxe = true", 'user_class = "iPXE"', "ipxe_too = true"])
def test_P26_a_rule_may_mean_to_load_ipxe_from_ipxe(match: str) -> None:
    text = f'[[boot]]\n{match}\nfile = "ipxe.efi"'
    assert Responder(text).hear(ipxe_discover(7)).reply.file == "ipxe.efi"


@pytest.mark.parametrize("arch", [0, 6, 7, 9, 11])
def test_P26_the_guard_leaves_the_turn_to_a_later_rule(arch: int) -> None:
    text = '[[boot]]\nfile = "snponly.efi"\n[[boot]]\nfile = "menu.ipxe"'
    assert Responder(text).hear(ipxe_discover(arch)).reply.file == "menu.ipxe"


@pytest.mark.parametrize("file", ["boot.ipxe", "vmlinuz", "my-ipxe-menu", "snponly.efi.sig"])
def test_P26_other_files_are_no_ipxe(file: str) -> None:
    assert Responder(f'[[boot]]\nfile = "{file}"').hear(ipxe_discover(7)).reply.file == file


@pytest.mark.parametrize("conditions", ["", 'mac = "dc:a6:32:*"'])
def test_P31_a_pi_needs_a_rule_that_names_it(conditions: str) -> None:
    pi = discover(0, chaddr=bytes.fromhex("dca632000001"))
    named = 'arch = ["bios", "rpi"]'
    answers = [Responder(f'[[boot]]\nfile = "f"\n{c}').hear(pi) for c in (conditions, named)]
    assert [answer.rule for answer in answers] == ["", "boot[0]"]


def test_equal_replies_are_kept_once() -> None:
    text = "".join(f'[[boot]]\nmac = "00:00:00:00:00:{i:02x}"\nfile = "f"\n' for i in range(100))
    assert len(Responder(text).compiled.replies) == len(
        Responder('[[boot]]\nfile = "f"').compiled.replies
    )


# --- the compiled policy against a naive scan ----------------------------------------------------


class Asked(NamedTuple):
    datagram: bytes
    chaddr: bytes
    subnet: IPv4Address


MACS = [bytes([2, 0, 0, 0, i // 8, i % 8]) for i in range(24)]
UUIDS = [bytes([0x40 + i]) * 15 + b"\1" for i in range(12)]
TEXTS = [b"alpha", b"alpine", b"beta", b"a"]
FEATURES = [0x10, 0x13, 0x29, 0x2F]
NETS = ["10.0.0.0/8", "10.77.0.0/24", "10.77.0.2/32", "192.0.2.0/24", "0.0.0.0/0"]


def masked(values: list[bytes]) -> st.SearchStrategy[Pattern]:
    """Mostly whole values, as hosts have them; some prefixes."""
    whole = st.sampled_from(values).map(lambda value: Pattern(value, b"\xff" * len(value)))
    begun = st.builds(
        lambda value, size: Pattern(value, (b"\xff" * size).ljust(len(value), b"\0")),
        st.sampled_from(values),
        st.integers(0, 5),
    )
    return whole | whole | whole | begun


def some(elements: st.SearchStrategy[Pattern]) -> st.SearchStrategy[tuple[Pattern, ...]]:
    return st.lists(elements, max_size=3).map(tuple)


TEXT = st.builds(Text, st.sampled_from(TEXTS), st.sampled_from(["exact", "prefix", "contains"]))

HOSTS = st.builds(Match, macs=masked(MACS).map(lambda p: (p,))) | st.builds(
    Match, uuids=masked(UUIDS).map(lambda p: (p,))
)

MATCHES = HOSTS | st.builds(
    Match,
    arches=st.lists(st.sampled_from([0, 6, 7, 9, 11]), max_size=3).map(tuple),
    macs=some(masked(MACS)),
    uuids=some(masked(UUIDS)),
    user_classes=st.lists(TEXT, max_size=2).map(tuple),
    vendor_classes=st.lists(
        st.sampled_from([Text(b"PXEClient:Arch:00007", "prefix"), Text(b"UNDI", "contains")]),
        max_size=2,
    ).map(tuple),
    subnets=st.lists(st.sampled_from(NETS).map(IPv4Network), max_size=2).map(tuple),
    ipxe=st.sampled_from([None, None, True, False]),
    ipxe_features=st.lists(st.sampled_from(FEATURES), max_size=2).map(tuple),
)


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    chaddr = draw(st.sampled_from([*MACS, b"\x06" * 6]))
    subnet = draw(st.sampled_from(["10.77.0.2", "10.1.1.1", "192.0.2.1"]).map(IPv4Address))
    classes = draw(st.lists(st.sampled_from([*TEXTS, b"iPXE"]), max_size=2))
    datagram = discover(
        draw(st.sampled_from([0, 6, 7, 9, 11, 27])),
        options={
            93: draw(
                st.none() | st.lists(st.sampled_from([7, 6, 27]), min_size=1).map(lambda a: u16(*a))
            ),
            97: draw(st.sampled_from([None, *(b"\0" + uuid for uuid in UUIDS), b"\0" * 17])),
            77: b"".join(bytes([len(text)]) + text for text in classes) or None,
            175: tlvs((f, b"\1") for f in draw(st.lists(st.sampled_from(FEATURES)))) or None,
        },
        chaddr=chaddr,
        hlen=draw(st.sampled_from([6, 6, 6, 6, 16])),
        giaddr=NOWHERE if subnet == OUR_ADDRESS else subnet,
    )
    return Asked(datagram, chaddr, subnet)


def compiled(matches: list[Match]) -> Compiled:
    (plain,) = config.parse('[[boot]]\nfile = "f"', "test").rules
    rules = tuple(structs.replace(plain, name=str(i), match=m) for i, m in enumerate(matches))
    read = Config(source="test", interfaces=(), dhcp=Dhcp(), tftp=TftpSettings(), rules=rules)
    return compiler.build(read, [OUR_ADDRESS])


def first_by_scan(matches: list[Match], client: Asked) -> int:
    facts = reference.read(client.datagram)
    named = {arch for match in matches for arch in match.arches}
    arch = next((a for a in facts.arches if a in named), next(iter(facts.arches), None))
    return next((i for i, m in enumerate(matches) if holds(m, client, facts, arch)), -1)


def holds(match: Match, client: Asked, facts: reference.Facts, arch: int | None) -> bool:
    is_ethernet = client.datagram[2] == 6
    vendor_class = facts.options[60]
    return (
        (not match.arches or arch in match.arches)
        and (match.ipxe is None or match.ipxe == facts.is_ipxe)
        and set(match.ipxe_features) <= set(facts.ipxe_features)
        and (not match.macs or (is_ethernet and fits(match.macs, client.chaddr)))
        and (not match.uuids or (facts.uuid is not None and fits(match.uuids, facts.uuid)))
        and (not match.vendor_classes or says(match.vendor_classes, vendor_class))
        and (
            not match.user_classes
            or any(says(match.user_classes, text) for text in facts.user_classes)
        )
        and (not match.subnets or any(client.subnet in net for net in match.subnets))
    )


def fits(patterns: tuple[Pattern, ...], value: bytes) -> bool:
    def masks(mask: bytes, value: bytes) -> bytes:
        return bytes(m & v for m, v in zip(mask, value, strict=True))

    return any(masks(p.mask, p.value) == masks(p.mask, value) for p in patterns)


def says(texts: tuple[Text, ...], value: bytes) -> bool:
    compare: dict[str, Callable[[bytes], bool]] = {
        "exact": value.__eq__,
        "prefix": value.startswith,
        "contains": value.__contains__,
    }
    return any(compare[text.how](text.text) for text in texts)


def first_compiled(policy_of: Compiled, client: Asked) -> int:
    return policy_of.native.decide(client.datagram, source=int(CLIENT), address=int(OUR_ADDRESS))[4]


@given(st.lists(MATCHES, max_size=12), st.lists(asked(), min_size=1, max_size=6))
def test_the_compiled_policy_finds_what_a_scan_finds(
    matches: list[Match], clients: list[Asked]
) -> None:
    built = compiled(matches)
    found = [first_compiled(built, client) for client in clients]
    assert found == [first_by_scan(matches, client) for client in clients]


@given(st.lists(HOSTS, min_size=20, max_size=60), st.lists(asked(), min_size=1, max_size=6))
def test_the_compiled_policy_finds_among_many_hosts_what_a_scan_finds(
    matches: list[Match], clients: list[Asked]
) -> None:
    built = compiled(matches)
    found = [first_compiled(built, client) for client in clients]
    assert found == [first_by_scan(matches, client) for client in clients]


def test_each_of_ten_thousand_hosts_is_found() -> None:
    macs = [i.to_bytes(6) for i in range(10_000)]
    built = compiled([Match(macs=(Pattern(mac, b"\xff" * 6),)) for mac in macs])
    clients = [Asked(discover(chaddr=mac), mac, OUR_ADDRESS) for mac in macs]
    assert [first_compiled(built, client) for client in clients] == list(range(10_000))
