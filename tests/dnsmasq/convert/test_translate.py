"""The fastpxe.toml that is written: its rules, comments, remarks; as text for well-known files."""

import pytest
from dnsmasq_golden import FOLDER
from dnsmasq_text import read
from project import TESTS

from fastpxe.dnsmasq.convert.translate import Translation, files_of, translate
from fastpxe.dnsmasq.syntax.comments import comments
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.policy import config

WRITTEN = TESTS / "dnsmasq" / "golden-import"
RANGE = "pxe-prompt=Boot\ndhcp-range=192.0.2.0,proxy\n"


def translated(text: str, *arguments: str) -> Translation:
    text += "\n"
    return translate(read(text, *arguments), comments(text.encode(), "f.conf"))


def rules(text: str) -> list[str]:
    """Each [[boot]] in one line, without its name and comments."""
    found = translated(RANGE + text)
    config.parse(found.text, "f.toml")
    blocks = found.text.split("[[boot]]\n")[1:]
    return [
        "; ".join(
            line
            for line in block.split("\n\n")[0].splitlines()
            if not line.startswith(("name", "#"))
        )
        for block in blocks
    ]


def remarks(text: str) -> list[str]:
    return [f"{trap.where}: {trap.why}" for trap in translated(text).all_traps]


@pytest.mark.parametrize("name", ["seed1", "seed2", "fog-1.6"])
def test_well_known_files(name: str) -> None:
    folder = WRITTEN if name.startswith("fog") else FOLDER / "configs"
    content = (folder / f"{name}.conf").read_bytes()
    file = f"{name}.conf"
    parsed = read_config([file], disk=Disk({file: content}.get, {}.get))
    text = translate(parsed, comments(content, file)).text
    assert text == (WRITTEN / f"{name}.toml").read_text()
    config.parse(text, "f.toml")


# --- tests become conditions ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "condition"),
    [
        ("dhcp-vendorclass=set:x,Arch:00007", 'vendor_class = "*Arch:00007*"'),
        ("dhcp-match=set:x,60,Arch:00007", 'vendor_class = "*Arch:00007*"'),
        ("dhcp-match=set:x,60,50:58:45", 'vendor_class = "PXE*"'),
        ("dhcp-userclass=set:x,lab", 'user_class = "*lab*"'),
        ("dhcp-match=set:x,77,lab", 'user_class = "*lab*"'),
        ("dhcp-userclass=set:x,iPXE", "ipxe = true"),
        ("dhcp-match=set:x,77,iPXE", "ipxe = true"),
        ("dhcp-match=set:x,175", "ipxe = true"),
        ("dhcp-match=set:x,option:client-arch,11", 'arch = "uefi-arm64"'),
        ("dhcp-match=set:x,93,00:07", "arch = 7"),
        ("dhcp-match=set:x,93,7\ndhcp-match=set:x,93,9", 'arch = "uefi-x64"'),
        ("dhcp-match=set:x,97", f'uuid = "00{":??" * 16}"'),
        ("dhcp-match=set:x,97,00:44:*:4c", f'uuid = "00:44:??:4c{":??" * 13}"'),
        ("dhcp-mac=set:x,52:54:00:*:*:01", 'mac = "52:54:00:*:*:01"'),
        ("dhcp-mac=set:x,01-52:54:00:00:00:01", 'mac = "52:54:00:00:00:01"'),
        (
            "dhcp-host=52:54:00:00:00:01,set:x\ndhcp-host=52:54:00:00:00:02,lab1,set:x",
            'mac = ["52:54:00:00:00:01", "52:54:00:00:00:02"]',
        ),
    ],
)
def test_a_test_becomes_a_condition(line: str, condition: str) -> None:
    found = rules(f"{line}\ndhcp-boot=tag:x,a\ndhcp-boot=b")
    assert found == [f'{condition}; file = "a"', 'file = "b"']


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("dhcp-circuitid=set:x,eth0/1", "the option of a relay (82)"),
        ("dhcp-name-match=set:x,lab*", "the host name of the client (options 12 and 81)"),
        ("dhcp-host=lab1,set:x", "the host name of the client (options 12 and 81)"),
        ("dhcp-host=id:one,set:x", "the client identifier (option 61)"),
        ("dhcp-mac=set:x,06-52:54:00:00:00:01", "a hardware address that is not of Ethernet"),
        ("dhcp-match=set:x,175,19", "option 175 in this way"),
        ("dhcp-match=set:x,97,44:45", "option 97 in this way"),
        ("dhcp-match=set:x,vi-encap:4491", "an item of option 124"),
        ("dhcp-match=set:x,77", "option 77 in this way"),
        ("dhcp-vendorclass=set:x,a*b", "the text b'a*b' in a class"),
    ],
)
def test_a_test_that_no_rule_can_express_is_reported_and_fails(line: str, what: str) -> None:
    text = f"{RANGE}{line}\ndhcp-boot=tag:x,a\ndhcp-boot=b"
    assert f"f.conf:3: no rule can test {what}" in remarks(text)
    assert rules(f"{line}\ndhcp-boot=tag:x,a\ndhcp-boot=b") == ['file = "b"']


def test_a_test_of_an_unused_tag_is_not_reported() -> None:
    assert "no rule can test" not in "".join(remarks(f"{RANGE}dhcp-circuitid=set:x,a\ndhcp-boot=b"))


def test_a_text_that_all_have_is_no_condition() -> None:
    assert rules("dhcp-vendorclass=set:x,PXEClient\ndhcp-boot=tag:x,a") == ['file = "a"']


def test_ipxe_is_a_user_class_where_the_file_has_several_user_classes() -> None:
    text = (
        "dhcp-userclass=set:x,iPXE\ndhcp-userclass=set:y,gPXE\ndhcp-boot=tag:y,b\ndhcp-boot=tag:x,a"
    )
    assert rules(text) == ['user_class = "*iPXE*"; file = "a"', 'user_class = "*gPXE*"; file = "b"']


# --- choices become an order ---------------------------------------------------------------------

TAGS = "dhcp-match=set:x,93,0\ndhcp-match=set:y,175\n"


def test_the_last_line_with_tags_comes_first_and_the_last_without_at_the_end() -> None:
    text = TAGS + "dhcp-boot=tag:x,a\ndhcp-boot=tag:y,b\ndhcp-boot=c\ndhcp-boot=d"
    assert rules(text) == ['ipxe = true; file = "b"', 'arch = "bios"; file = "a"', 'file = "d"']


def test_tags_of_one_line_must_all_hold() -> None:
    text = TAGS + "dhcp-boot=tag:x,tag:y,a\ndhcp-boot=c"
    assert rules(text) == ['arch = "bios"; ipxe = true; file = "a"', 'file = "c"']


def test_a_negated_tag_is_an_earlier_rule() -> None:
    text = TAGS + "dhcp-boot=tag:!x,a\ndhcp-boot=c"
    assert rules(text) == ['arch = "bios"; file = "c"', 'file = "a"']


def test_tag_if_is_expanded() -> None:
    text = TAGS + "tag-if=set:z,tag:x,tag:!y\ndhcp-boot=tag:z,a\ndhcp-boot=c"
    assert rules(text) == [
        'arch = "bios"; ipxe = true; file = "c"', 'arch = "bios"; file = "a"', 'file = "c"',
    ]  # fmt: skip


def test_ignored_clients_come_first() -> None:
    text = "dhcp-mac=set:x,52:54:00:*:*:*\ndhcp-ignore=tag:x\ndhcp-boot=a"
    assert rules(text) == ['mac = "52:54:00:*:*:*"; ignore = true', 'file = "a"']


def test_only_known_machines() -> None:
    text = "dhcp-host=52:54:00:00:00:01\ndhcp-ignore=tag:!known\ndhcp-boot=a"
    assert rules(text) == ['mac = "52:54:00:00:00:01"; file = "a"']


def test_a_lone_service_hides_dhcp_boot_for_uefi() -> None:
    text = "pxe-service=x86-64_EFI,Boot,b,192.0.2.9\ndhcp-boot=a"
    assert rules(text) == ['arch = 7; file = "b.0"; server = "192.0.2.9"', 'file = "a"']


def test_a_whole_address_counts_more_than_a_pattern() -> None:
    text = (
        "dhcp-host=52:54:00:00:00:01,set:x\ndhcp-host=52:54:*:*:*:*,set:y\n"
        "dhcp-boot=tag:y,b\ndhcp-boot=tag:x,a"
    )
    assert rules(text) == [
        'mac = "52:54:00:00:00:01"; file = "a"', 'mac = "52:54:*:*:*:*"; file = "b"',
    ]  # fmt: skip


def test_hundreds_of_machines_take_no_time_and_one_rule() -> None:
    hosts = "".join(f"dhcp-host=52:54:00:00:{n >> 8:02x}:{n & 255:02x},set:x\n" for n in range(500))
    (first, second) = rules(hosts + "dhcp-boot=tag:x,a\ndhcp-boot=b")
    assert first.count("52:54:00:00") == 500
    assert second == 'file = "b"'


# --- places --------------------------------------------------------------------------------------


def boots(text: str) -> list[tuple[str, str]]:
    """The subnets of each rule, and its file."""
    read_back = config.parse(translated(text).text, "f.toml")
    return [(", ".join(map(str, r.match.subnets)), r.boot.file or "") for r in read_back.rules]


def test_a_range_with_a_netmask_bounds_all_rules() -> None:
    text = "pxe-prompt=x\ndhcp-range=192.0.2.0,proxy,255.255.255.0\ndhcp-boot=a"
    assert boots(text) == [("192.0.2.0/24", "a")]


def test_ranges_with_tags_become_subnets() -> None:
    text = (
        "pxe-prompt=x\ndhcp-range=set:a,192.0.2.0,proxy,255.255.255.0\n"
        "dhcp-range=set:b,198.51.100.0,proxy,255.255.255.0\ndhcp-boot=tag:a,a\ndhcp-boot=b"
    )
    assert boots(text) == [("192.0.2.0/24", "a"), ("198.51.100.0/24", "b")]


def test_interfaces_are_imported_or_reported() -> None:
    text = f"{RANGE}interface=eth0\ninterface=br0\ndhcp-boot=a"
    assert config.parse(translated(text).text, "f.toml").interfaces == ("eth0", "br0")
    assert "interface=eth*: not imported" in "".join(remarks(f"{RANGE}interface=eth*"))
    assert "fastpxe answers on all" in "".join(remarks(RANGE))


def test_a_tag_that_no_line_sets_is_an_interface_or_nobody() -> None:
    text = f"{RANGE}dhcp-boot=tag:eth0,a\ndhcp-boot=tag:!typo,b\ndhcp-boot=tag:known,c"
    assert [r for r in remarks(text) if r.startswith("tag:")] == [
        "tag:eth0: no line sets this tag; it is read as the interface in 192.0.2.0/24",
        "tag:typo: no line sets this tag, and no interface has that name",
    ]


def test_nothing_is_answered_without_prompt_and_service() -> None:
    found = translated("dhcp-range=192.0.2.0,proxy\ndhcp-boot=a")
    assert found.rules == ()
    assert "dnsmasq answers no PXE client" in found.text


def test_a_range_that_leases_is_no_proxy() -> None:
    text = "pxe-prompt=x\ndhcp-range=192.0.2.10,192.0.2.20\ndhcp-boot=a"
    assert boots(text) == []
    assert "fastpxe leases no addresses" in "".join(remarks(text))


# --- files ---------------------------------------------------------------------------------------


def test_a_url_is_for_ipxe_and_firmware_gets_nothing() -> None:
    text = "dhcp-mac=set:x,52:54:00:*:*:*\ndhcp-boot=tag:x,http://192.0.2.5/a\ndhcp-boot=b"
    assert rules(text) == [
        'ipxe = true; mac = "52:54:00:*:*:*"; url = "http://192.0.2.5/a"',
        'mac = "52:54:00:*:*:*"; ignore = true',
        'file = "b"',
    ]


def test_a_url_is_for_http_boot_where_that_is_answered() -> None:
    text = "dhcp-pxe-vendor=PXEClient,HTTPClient\ndhcp-boot=http://192.0.2.5/a"
    assert rules(text) == ['url = "http://192.0.2.5/a"']


def test_ipxe_gets_ipxe_again_as_from_dnsmasq() -> None:
    assert rules("dhcp-boot=undionly.kpxe") == ['file = "undionly.kpxe"; ipxe_too = true']
    assert "ipxe_too" in "".join(remarks(f"{RANGE}dhcp-boot=undionly.kpxe"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("dhcp-boot=caf\u00e9", "printable ASCII"),
        ("dhcp-boot=a,,127.0.0.1", "127.0.0.1 is not an address of a server"),
        ("pxe-service=16,Boot,a.b", "UEFI HTTP Boot needs a URL"),
        ("pxe-service=x86PC,Disk,0", "an entry for the local disk"),
        ("pxe-service=x86PC,Far,7", "a type of boot server"),
        ("pxe-service=x86PC,A,a.b\npxe-service=x86PC,B,b.c", "a menu of 2 entries"),
        ("dhcp-boot=http://", "a URL without a host"),
        ("dhcp-match=set:y,93,0", "dnsmasq replies without a boot file"),
    ],
)
def test_an_outcome_without_a_rule_is_reported(line: str, why: str) -> None:
    text = f"{RANGE}{line}\ndhcp-match=set:x,93,0\ndhcp-boot=tag:x,z"
    assert why in "".join(remarks(text))
    config.parse(translated(text).text, "f.toml")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("dhcp-option=vendor:PXEClient,6,2b", "no other sub-options of option 43"),
        ("pxe-prompt=Press F8,3", "this prompt is shown for 3 s"),
        ("pxe-prompt=Press F8", "this prompt waits for a key"),
        ("dhcp-reply-delay=2", "fastpxe replies without delay"),
        ("dhcp-alternate-port", "fastpxe answers on port 67"),
        ("tftp-root=/srv/tftp", "without enable-tftp dnsmasq serves no files"),
        ("enable-tftp", "fastpxe refuses every request"),
        ("shared-network=192.0.2.1,198.51.100.1", "not imported"),
    ],
)
def test_a_line_that_is_not_imported_is_reported(line: str, why: str) -> None:
    assert why in "".join(remarks(f"{RANGE}{line}"))


def test_tftp_is_imported() -> None:
    lines = (
        "enable-tftp\ntftp-root=/srv/tftp\ntftp-unique-root=mac\ntftp-lowercase\n"
        "tftp-max=9\ntftp-mtu=1400"
    )
    tftp = config.parse(translated(RANGE + lines).text, "f.toml").tftp
    assert tftp.enabled
    assert (tftp.root, tftp.unique_root, tftp.lowercase) == ("/srv/tftp", "mac", True)
    assert (tftp.max_transfers, tftp.max_transfers_per_client, tftp.mtu) == (9, 9, 1400)
    assert (tftp.dialect, tftp.world_readable) == ("dnsmasq", True)


def test_tftp_without_blocks_has_no_limit_of_them() -> None:
    lines = "enable-tftp\ntftp-root=/srv/tftp\ntftp-no-blocksize"
    tftp = config.parse(translated(RANGE + lines).text, "f.toml").tftp
    assert not tftp.allow_blksize
    assert tftp.mtu is None


# --- comments ------------------------------------------------------------------------------------


def test_comments_of_a_line_and_of_its_tests_are_kept_once() -> None:
    text = (
        f"{RANGE}# a Dell\ndhcp-mac=set:x,52:54:00:*:*:*\n# its file\ndhcp-boot=tag:x,a\n"
        "# all others\ndhcp-boot=b"
    )
    found = translated(text).text
    assert '# a Dell\n# its file\n[[boot]]\nname = "f.conf:6 dhcp-boot"' in found
    assert '# all others\n[[boot]]\nname = "f.conf:8 dhcp-boot"' in found
    assert found.count("# a Dell") == 1


def test_a_line_of_the_command_line_has_a_name_too() -> None:
    found = translated("", "--dhcp-range=192.0.2.0,proxy", "--pxe-prompt=x", "--dhcp-boot=a")
    assert 'name = "command line:3 dhcp-boot"' in found.text


def test_files_are_named_once() -> None:
    parsed = read(f"{RANGE}conf-file=a.conf\ndhcp-boot=b", a_conf="dhcp-boot=a\n")
    assert files_of(parsed) == ["f.conf", "a.conf"]
    assert translate(parsed).text.startswith("# The same answers as those of f.conf, a.conf.\n")


def test_too_many_cases_become_the_plain_answer() -> None:
    tests = "".join(f"dhcp-match=set:t{n},60,word{n}\n" for n in range(12))
    lines = "".join(f"dhcp-boot=tag:{'!' * (n % 2)}t{n},tag:!t{11 - n},f{n}\n" for n in range(12))
    found = translated(RANGE + tests + lines + "dhcp-boot=z")
    (rule,) = found.rules
    assert rule.file == "f11"  # its tags are negated, so it is the plain answer
    assert "too many cases" in found.text
    config.parse(found.text, "f.toml")
