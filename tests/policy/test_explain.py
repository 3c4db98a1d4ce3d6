"""What `explain` says of a fastpxe.toml: each rule's fate, and the boot as the firmware goes it."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import CLIENT, discover

from fastpxe.errors import MalformedPacket
from fastpxe.explanation import Explanation, Step
from fastpxe.firmware.requests import Client
from fastpxe.policy import compiler, config
from fastpxe.policy.explain import Place, explain_boot, explain_packet

PLACE = Place(address=IPv4Address("10.0.0.2"), network=IPv4Network("10.0.0.0/24"))


def boot(text: str, client: Client) -> Explanation:
    return explain_boot(compiler.build(config.parse(text, "test"), []), client, PLACE)


def fates(step: Step) -> list[tuple[str, str]]:
    return [(candidate.name, candidate.verdict) for candidate in step.candidates]


RULES = """
[[boot]]
name = "a"
arch = "bios"
file = "a"
[[boot]]
name = "b"
arch = "uefi-x64"
file = "b.efi"
[[boot]]
name = "c"
file = "c"
"""


def test_the_first_that_holds_won_those_before_lost_the_rest_is_not_reached() -> None:
    steps = boot(RULES, Client(arch=7)).steps
    assert fates(steps[0]) == [("a", "lost"), ("b", "won"), ("c", "not reached")]


def test_uefi_goes_on_to_4011_and_gets_an_ack() -> None:
    first, second = boot(RULES, Client(arch=7)).steps
    assert first.to == "255.255.255.255:68"
    assert second.title == "REQUEST on port 4011"
    assert second.to == "192.0.2.100:4011"
    assert second.reply is not None
    assert second.reply.file == "b.efi"


def test_a_direct_answer_needs_no_second_step() -> None:
    (only,) = boot(RULES.replace('"b.efi"', '"b.efi"\nstyle = "direct"'), Client(arch=7)).steps
    assert only.reply is not None


def test_a_boot_that_leads_into_ipxe_is_followed_there() -> None:
    text = '[[boot]]\nipxe = true\nfile = "script.ipxe"\n[[boot]]\nfile = "undionly.kpxe"\n'
    first, second = boot(text, Client(arch=0)).steps
    assert first.reply is not None
    assert first.reply.file == "undionly.kpxe"
    assert second.title == "DISCOVER of iPXE, started from undionly.kpxe"
    assert second.reply is not None
    assert second.reply.file == "script.ipxe"


def test_a_url_and_a_menu_name_the_address_of_the_place() -> None:
    url = '[[boot]]\nurl = "http://{server}/f.efi"'
    (offer,) = boot(url, Client(arch=16)).steps
    assert offer.reply is not None
    assert offer.reply.file == "http://10.0.0.2/f.efi"
    menu = '[[boot]]\n[[boot.item]]\ntext = "t"\nfile = "f.efi"'
    first, _ = boot(menu, Client(arch=7)).steps
    assert f"800001{PLACE.address.packed.hex()}" in first.hexadecimal


OWN = (
    RULES
    + """
[[boot]]
name = "installer"
hosts_only = true
arch = "uefi-x64"
file = "installer.efi"
[[host]]
mac = "52:54:00:12:34:56"
boot = "installer"
"""
)


def test_a_host_with_a_boot_of_its_own_is_told_so_and_asks_its_rules_first() -> None:
    first = boot(OWN, Client(arch=7)).steps[0]
    assert first.notes == ("this host is to boot 'installer': the rules of that name come first",)
    assert fates(first) == [("installer", "won")] + [(n, "not reached") for n in "abc"]


def test_where_no_rule_of_its_boot_holds_the_usual_ones_do() -> None:
    first = boot(OWN, Client(arch=0)).steps[0]
    assert fates(first)[:2] == [("installer", "lost"), ("a", "won")]


def test_a_rule_for_hosts_alone_says_so_to_others() -> None:
    first = boot(OWN, Client(arch=7, mac=bytes(5) + b"\1")).steps[0]
    assert first.notes == ()
    last = first.candidates[-1]
    assert (last.name, last.verdict) == ("installer", "lost")
    assert last.why == "it is for hosts that are to boot 'installer'"


def test_how_long_a_reply_is_held_back_is_said() -> None:
    (only,) = boot('[[boot]]\nfile = "f"\nreply_delay_s = 1.5', Client(arch=0)).steps
    assert only.delay_s == 1.5


def test_silence_has_its_reason() -> None:
    (only,) = boot('[[boot]]\narch = "bios"\nfile = "a"\n', Client(arch=11)).steps
    assert only.reply is None
    assert only.silence == "no rule names this architecture"


@pytest.mark.parametrize(
    ("rule", "client", "why"),
    [
        ('arch = "bios"\nfile = "x"', Client(), "the rule wants bios (0)"),
        ('ipxe = true\nfile = "x"', Client(), "it is not iPXE"),
        ('ipxe_features = "http"\nfile = "x"', Client(), "it is not iPXE"),
        (
            'ipxe_features = ["http", "slam", "srp"]\nfile = "x"',
            Client(ipxe=True),
            "iPXE features: slam, srp of the rule's are missing",
        ),
        ('mac = "00:11:22:*"\nfile = "x"', Client(), "MAC address: 52:54:00:12:34:56"),
        ('uuid = "4c4c*"\nfile = "x"', Client(), "UUID: 03020100-"),
        ('uuid = "4c4c*"\nfile = "x"', Client(uuid=None), "UUID: none is given"),
        ('subnet = "172.16.0.0/12"\nfile = "x"', Client(), "subnet: 10.0.0.2 is in none"),
        ('vendor_class = "PXE"\nfile = "x"', Client(), "vendor class: 'PXEClient:Arch"),
        ('user_class = "FOG"\nfile = "x"', Client(), "user class: none is given"),
        ('url = "http://10.0.0.1/x.efi"', Client(), "UEFI PXE takes a TFTP file"),
        ('url = "http://10.0.0.1/x.efi"', Client(arch=0), "BIOS firmware takes a TFTP file"),
        ('file = "x"', Client(arch=16), "UEFI HTTP Boot takes a URL"),
        ('file = "ipxe.efi"', Client(ipxe=True), "for ever; say ipxe_too = true"),
        ('file = "x"', Client(arch=0, mac=bytes.fromhex("b827eb000001")), 'arch = "rpi"'),
    ],
)
def test_a_rule_that_lost_says_by_which_condition(rule: str, client: Client, why: str) -> None:
    step = boot(f"[[boot]]\n{rule}\n", client).steps[0]
    assert why in step.candidates[0].why


def test_secure_boot_leads_over_shim_to_the_script_of_ipxe() -> None:
    steps = boot('profile = "secure-boot"', Client()).steps
    files = [step.reply.file for step in steps if step.reply]
    assert files == [*["x86_64-sb/snponly-shim.efi"] * 2, "autoexec.ipxe"]


MENU = """
[[boot]]
name = "menu"
{first}
[[boot.item]]
text = "Deploy"
file = "deploy.efi"
[[boot.item]]
text = "Test"
file = "test.efi"
"""
DISK = '[[boot.item]]\ntext = "Disk"\nlocal = true'


def option_43(step: Step) -> str:
    return next((o.meaning for o in step.request.options if o.code == 43), "")


@pytest.mark.parametrize("arch", [0, 7])
def test_the_first_entry_of_a_menu_is_asked_for(arch: int) -> None:
    offer, choice = boot(MENU.format(first=""), Client(arch=arch)).steps
    assert option_43(offer) == ""
    assert choice.title == "REQUEST on port 4011 for the menu's entry 'Deploy' (type 32768)"
    assert option_43(choice) == "boot item 80:00:00:00"
    assert choice.reply is not None
    assert choice.reply.file == "deploy.efi"


def test_a_menu_that_begins_with_the_local_disk_ends_there() -> None:
    (offer,) = boot(MENU.format(first=DISK), Client()).steps
    assert offer.notes == ("nothing more is asked: the menu's entry 'Disk' is the local disk",)


def test_ipxe_is_shown_no_menu() -> None:
    (step,) = boot(MENU.format(first=""), Client(ipxe=True)).steps
    assert step.reply is not None
    assert step.reply.file == "deploy.efi"


def test_a_recorded_packet_is_explained_as_it_came() -> None:
    compiled = compiler.build(config.parse(RULES, "test"), [])
    explanation = explain_packet(compiled, discover(arch=0), PLACE)
    assert explanation.steps[0].reply is not None
    assert explanation.identity is not None


def test_a_packet_for_the_dhcp_server_is_not_matched_against_rules() -> None:
    compiled = compiler.build(config.parse(RULES, "test"), [])
    to_the_dhcp_server = discover(arch=7, options={53: b"\x03", 54: CLIENT.packed})
    (step,) = explain_packet(compiled, to_the_dhcp_server, PLACE).steps
    assert step.candidates == ()
    assert step.silence == "this REQUEST is for the DHCP server that gives the address"


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(MalformedPacket):
        explain_packet(compiler.build(config.parse(RULES, "test"), []), b"x" * 300, PLACE)


CLIENTS = st.builds(
    Client,
    arch=st.sampled_from([0, 6, 7, 9, 11, 16, 25, 41, 999]),
    mac=st.sampled_from([bytes.fromhex(m) for m in ("525400123456", "b827eb000001")]),
    uuid=st.sampled_from([None, bytes(16), bytes(range(16))]),
    ipxe=st.booleans(),
    user_class=st.sampled_from([b"", b"FOG", b"\x03FOG", b"iPXE"]),
)
CONDITIONS = st.sampled_from(
    ['arch = "uefi-x64"', 'arch = ["bios", 25]', "ipxe = true", "ipxe = false",
     'mac = "52:54:*"', 'mac = "b8:27:eb:00:00:01"', 'uuid = "0001*"', 'user_class = "FOG"',
     'ipxe_features = ["http", "efi"]', 'ipxe_features = "slam"',
     'vendor_class = "*Arch:00007*"', 'subnet = "10.0.0.0/8"', 'arch = "rpi"', ""]
)  # fmt: skip
ANSWERS = st.sampled_from(
    ['file = "x"', 'file = "ipxe.efi"', 'url = "http://10.0.0.1/x.efi"', "ignore = true"]
)


@given(st.lists(st.tuples(CONDITIONS, ANSWERS), max_size=6), CLIENTS)
def test_the_reasons_agree_with_the_matcher(rules: list[tuple[str, str]], client: Client) -> None:
    """explain_step raises when they don't."""
    text = "".join(
        f"[[boot]]\n{condition}\n{answer}\n"
        for condition, answer in rules
        if not (condition == "ipxe = false" and answer.startswith("url"))
    )
    assert boot(text, client).steps
