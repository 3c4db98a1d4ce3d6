"""fastpxe.toml: what is read, and how what is wrong is told."""

from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.identity import parse_mac, parse_uuid
from fastpxe.errors import ConfigError
from fastpxe.policy import config
from fastpxe.policy.config import Config
from fastpxe.policy.hosts import Host
from fastpxe.policy.rules import Boot, Match, Rule, Text
from fastpxe.policy.schema import (
    AdminSettings,
    BootTable,
    Dhcp,
    Document,
    HostTable,
    HttpSettings,
    ItemTable,
    Profile,
)
from fastpxe.tftp.packets import TftpSettings


def parse(text: str) -> Config:
    return config.parse(text, "test.toml")


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return caught.value


def only_rule(text: str) -> Rule:
    (rule,) = parse("[[boot]]\n" + text).rules
    return rule


# --- what is read --------------------------------------------------------------------------------


def test_an_empty_file_has_every_default_and_no_rule() -> None:
    assert parse("") == Config(
        source="test.toml",
        interfaces=(),
        dhcp=Dhcp(),
        tftp=TftpSettings(),
        http=HttpSettings(),
        rules=(),
    )


def test_the_dhcp_defaults() -> None:
    assert Dhcp() == Dhcp(
        ports=(67, 4011),
        share_ports=False,
        multicast=None,
        receive_buffer=64 * 1024 * 1024,
        min_secs=0,
        echo_client_id=False,
        server_id_override=False,
        accept_foreign_server_id=False,
    )


def test_the_rules_of_the_default_config() -> None:
    named = {
        rule.name: (rule.match.ipxe, rule.match.arches, rule.boot.file)
        for rule in config.default_config().rules
    }
    assert named == {
        "iPXE": (True, (), "default.ipxe"),
        "BIOS": (None, (0,), "undionly.kkpxe"),
        "UEFI x64": (None, (7, 9), "snponly.efi"),
        "UEFI 32-bit": (None, (6,), "i386-efi/snponly.efi"),
        "UEFI ARM64": (None, (11,), "arm64-efi/snponly.efi"),
    }


@pytest.mark.parametrize("name", get_args(Profile))
def test_a_profile_has_rules_of_its_own(name: str) -> None:
    rules = config.parse(f'profile = "{name}"', "test.toml").rules
    assert rules
    assert all(rule.boot.file and rule.where.startswith(f"profile {name}:") for rule in rules)


def test_the_rules_of_a_file_come_before_those_of_its_profile() -> None:
    text = 'profile = "rpi"\n[[boot]]\nname = "first"\nfile = "f"'
    assert [rule.name for rule in config.parse(text, "test.toml").rules] == [
        "first",
        "Raspberry Pi",
    ]


def test_the_profile_of_secure_boot_is_the_release_of_ipxe() -> None:
    named = {
        rule.match.arches: rule.boot.file
        for rule in config.parse('profile = "secure-boot"', "test.toml").rules
    }
    assert named == {
        (): "autoexec.ipxe",
        (0,): "i386/undionly.kpxe",
        (6,): "i386/snponly.efi",
        (7, 9): "x86_64-sb/snponly-shim.efi",
        (11,): "arm64-sb/snponly-shim.efi",
    }


def test_the_default_is_the_profile_of_fog() -> None:
    named = config.parse('profile = "fog-1.6"', "test.toml").rules
    assert [rule.boot for rule in named] == [rule.boot for rule in config.default_config().rules]


def test_the_default_config_says_where_it_comes_from() -> None:
    assert config.default_config().source == "built-in default"


def test_hosts_are_read_with_their_place() -> None:
    read = parse(
        '[[boot]]\nname = "x"\nfile = "f"\n'
        '[[host]]\nboot = "x"\nmac = ["02-00-00-00-00-0A", "02:00:00:00:00:01"]\n'
    )
    assert read.hosts == (
        Host(name="02:00:00:00:00:0a", keys=(b"\2\0\0\0\0\n",), boot="x", where="test.toml:4"),
        Host(name="02:00:00:00:00:01", keys=(b"\2\0\0\0\0\1",), boot="x", where="test.toml:4"),
    )


def test_every_key_of_a_rule_is_read() -> None:
    rule = only_rule("""
name = "all"
arch = ["bios", 7]
mac = "18:66:da:*"
uuid = ["4c4c4544*"]
vendor_class = ["PXEClient:*", "*Arch*"]
user_class = "FOG"
subnet = ["10.0.0.0/8", "192.0.2.0/24"]
ipxe = true
ipxe_features = ["http", "bzimage"]
file = "f.efi"
url = "http://192.0.2.1/f.efi"
server = "192.0.2.9"
style = "direct"
""")
    assert (rule.name, rule.match, rule.boot) == (
        "all",
        Match(
            arches=(0, 7),
            macs=(parse_mac("18:66:da:*"),),
            uuids=parse_uuid("4c4c4544*"),
            vendor_classes=(Text(b"PXEClient:", "prefix"), Text(b"Arch", "contains")),
            user_classes=(Text(b"FOG", "exact"),),
            subnets=(IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.0/24")),
            ipxe=True,
            ipxe_features=(0x13, 0x18),
        ),
        Boot(
            file="f.efi",
            url="http://192.0.2.1/f.efi",
            server=IPv4Address("192.0.2.9"),
            style="direct",
        ),
    )


def test_a_rule_without_a_name_is_called_by_its_place() -> None:
    assert [r.name for r in parse('[[boot]]\nfile="a"\n[[boot]]\nfile="b"').rules] == [
        "boot[0]",
        "boot[1]",
    ]


@pytest.mark.parametrize(
    "key", ["arch", "mac", "uuid", "vendor_class", "user_class", "subnet", "ipxe_features"]
)
def test_one_value_is_a_list_of_one(key: str) -> None:
    value = {"arch": '"bios"', "mac": '"18:66:*"', "uuid": '"4c*"', "subnet": '"10.0.0.0/8"',
             "ipxe_features": '"http"'}  # fmt: skip
    text = value.get(key, '"x"')
    assert only_rule(f'{key} = {text}\nfile = "f"') == only_rule(f'{key} = [{text}]\nfile = "f"')


def test_ipxe_features_are_those_of_ipxe() -> None:
    assert only_rule('ipxe_features = "nfs"\nfile = "f"').match == Match(
        ipxe=True, ipxe_features=(0x29,)
    )


def test_an_arch_name_may_stand_for_two_numbers() -> None:
    assert only_rule('arch = "uefi-x64"\nfile = "f"').match.arches == (7, 9)


def test_a_number_without_a_name_is_an_arch_too() -> None:
    assert only_rule('arch = 65535\nfile = "f"').match.arches == (65535,)


@pytest.mark.parametrize(
    "text",
    [
        "[dhcp]\nports = [4011]",
        "[dhcp]\nports = [4011, 67]",
        "[dhcp]\nreceive_buffer = 4096",
        "[dhcp]\nmin_secs = 65535",
        '[dhcp]\nmulticast = "224.0.1.2"',
        '[[boot]]\nfile = "' + "f" * 254 + '"',
        '[[boot]]\nurl = "https://h/x"',
        '[[boot]]\narch = "uefi-x64-http"\nignore = true',
        '[http]\nenabled = true\n[[boot]]\narch = "uefi-x64-http"\nfile = "f.efi"',
        '[[boot]]\nipxe = true\nurl = "http://h/x"',
        '[dhcp]\nports = [67]\n[[boot]]\nfile = "f"\nstyle = "direct"',
    ],
)
def test_the_edge_of_what_is_allowed(text: str) -> None:
    assert parse(text).source == "test.toml"


# --- what is refused -----------------------------------------------------------------------------


class Bad(NamedTuple):
    text: str
    line: int
    key: str
    says: str


def dhcp(line: str, says: str, index: str = "") -> Bad:
    return Bad(f"[dhcp]\n\n{line}\n", 3, "dhcp." + line.split(maxsplit=1)[0] + index, says)


def tftp(line: str, says: str) -> Bad:
    return Bad(f"# a comment\n[tftp]\n{line}\n", 3, "tftp." + line.split(maxsplit=1)[0], says)


def tftp_client(lines: str, line: int, key: str, says: str) -> Bad:
    """Lines in the second of three tables, which begins on line 5 of the file."""
    header, other = "[[tftp.client]]", "[[tftp.client]]\nsubnet = '10.1.0.0/16'\nroot='/a'"
    text = f"# a comment\n{other}\n{header}\n{lines}\n{other}\n"
    return Bad(text, line, f"tftp.client[1]{key}", says)


def boot(line: str, says: str, index: str = "", rest: str = 'file = "f"') -> Bad:
    """A line in the second of three rules, so that neither line nor index is right by chance."""
    first, third = '[[boot]]\nfile = "one"\n', '[[boot]]\nfile = "three"\n'
    text = f"{first}\n[[boot]]\n{line}\n{rest}\n\n{third}"
    return Bad(text, 5, "boot[1]." + line.split(maxsplit=1)[0] + index, says)


def item(lines: str, line: int, key: str, says: str, rest: str = "") -> Bad:
    """The second of two items, of the second of two rules: its table begins on line 8."""
    first = '[[boot]]\nfile = "one"\n[[boot]]\n'
    items = f'\n[[boot.item]]\ntext = "a"\nlocal = true\n[[boot.item]]\n{lines}\n'
    return Bad(f"{first}{rest}{items}", line, f"boot[1]{key}", says)


def host(line: str, says: str, index: str = "", rest: str = 'mac = "02:00:00:00:00:01"') -> Bad:
    """A line in the second of two hosts, on line 8 of the file."""
    first = '[[boot]]\nname = "x"\nfile = "f"\n[[host]]\nboot = "x"\nmac = "02:00:00:00:00:09"\n'
    text = f"{first}[[host]]\n{line}\n{rest}\n"
    return Bad(text, 8, "host[1]." + line.split(maxsplit=1)[0] + index, says)


WRONG = [
    Bad("admin = 1", 1, "admin", "expected `object`"),
    Bad("[admin]\nenabled = 1", 2, "admin.enabled", "expected `bool`"),
    Bad("[admin]\nport = 0", 2, "admin.port", "`int` >= 1"),
    Bad('[admin]\naddress = "lab"', 2, "admin.address", 'write "127.0.0.1"'),
    Bad('[admin]\naddress = "0.0.0.0"', 1, "admin.token", 'add token = "…"'),
    Bad('[admin]\ntoken = "short"', 2, "admin.token", "length >= 16"),
    Bad("host = 1", 1, "host", "expected `array`"),
    Bad("state = 1", 1, "state", "expected `str`"),
    tftp('scripts = ""', "length >= 1"),
    host("boot = 'y'", "no [[boot]] is named so; known: x"),
    host("mac = '52:54:*'", "more than one host; write it whole", rest="boot = 'x'"),
    host("mac = ['02:00:00:00:00:02', 'pc-7']", "neither a MAC", "[1]", rest="boot = 'x'"),
    host("uuid = 'pc-7'", "neither a MAC address nor a UUID", rest="boot = 'x'"),
    host("mac = '02-00-00-00-00-09'", "has a boot already, at test.toml:4", rest="boot = 'x'"),
    Bad("[[host]]\nmac = '02:00:00:00:00:01'", 1, "host[0]", "no boot; add boot = …"),
    boot("hosts_only = true", 'hosts ask for a boot by its name; add name = "…"'),
    Bad('interfaces = "eth0"', 1, "interfaces", "expected `array`"),
    Bad('\ninterfaces = ["eth0", 1]', 2, "interfaces[1]", "expected `str`"),
    Bad("dhcp = 1", 1, "dhcp", "expected `object`"),
    Bad("tftp = 1", 1, "tftp", "expected `object`"),
    Bad("boot = 1", 1, "boot", "expected `array`"),
    dhcp("ports = [69]", "invalid enum value 69", "[0]"),
    dhcp("ports = []", "[67, 4011]"),
    dhcp("ports = [67, 67]", "[67, 4011]"),
    dhcp("ports = 67", "expected `array`"),
    dhcp("share_ports = 1", "expected `bool`"),
    dhcp("multicast = 1", "expected `str"),
    dhcp('multicast = "10.0.0.1"', "no group"),
    dhcp('multicast = "x"', "no group"),
    dhcp("receive_buffer = 4095", ">= 4096"),
    dhcp("receive_buffer = 1073741825", "<= 1073741824"),
    dhcp("max_per_mac = 0", ">= 1"),
    dhcp("max_per_relay = 0", ">= 1"),
    dhcp("min_secs = -1", ">= 0"),
    dhcp("min_secs = 65536", "<= 65535"),
    dhcp("echo_client_id = 1", "expected `bool`"),
    dhcp('server_id_override = "yes"', "expected `bool`"),
    dhcp("accept_foreign_server_id = 0", "expected `bool`"),
    tftp("enabled = 1", "expected `bool`"),
    tftp("root = 1", "expected `str"),
    tftp('interfaces = "eth0"', "expected `array`"),
    tftp("roots = { eth1 = 1 }", "expected `str`"),
    tftp("no_fail = 1", "expected `bool`"),
    tftp('unique_root = "uuid"', "invalid enum value"),
    tftp("lowercase = 1", "expected `bool`"),
    tftp("ignore_case = 1", "expected `bool`"),
    tftp('remap = ["a", "b"]', "names stand in quotes"),
    tftp("client = 1", "expected `array`"),
    tftp("secure = 1", "expected `bool`"),
    tftp("world_readable = 1", "expected `bool`"),
    tftp('dialect = "tftpd-hpa"', "invalid enum value"),
    tftp("ports = 69", "expected"),
    tftp("ports = [40000]", "length 2"),
    tftp('data_path = "fast"', "invalid enum value"),
    tftp("allow_blksize = 512", "expected `bool`"),
    tftp("mtu = 67", ">= 68"),
    tftp("max_blksize = 7", ">= 8"),
    tftp("max_blksize = 65465", "<= 65464"),
    tftp("max_windowsize = 0", ">= 1"),
    tftp("retry_timeout_s = 0", "> 0"),
    tftp("give_up_s = 0", "> 0"),
    tftp("max_transfers = 0", ">= 1"),
    tftp("max_transfers_per_client = 0", ">= 1"),
    tftp('remap = { "a.efi" = 1 }', "names stand in quotes"),
    tftp('remap = { "a*b" = "c" }', "at the end only")._replace(key='tftp.remap."a*b"'),
    tftp_client("root = '/b'", 5, "", "no subnet; add subnet = …"),
    tftp_client("subnet = '10.2.0.0/16'", 5, "", "add root, max_blksize or max_windowsize"),
    tftp_client("root = '/b'\nsubnet = '10.2.0.1/16'", 7, ".subnet", 'write "10.1.0.0/16"'),
    tftp_client("root = '/b'\nsubnet = 1", 7, ".subnet", "1 is no IPv4 network"),
    tftp_client("root = '/b'\nsubnet = ''", 7, ".subnet", "no IPv4 network"),
    tftp_client("subnet = '10.2.0.0/16'\nroot = 1", 7, ".root", "expected `str"),
    tftp_client("subnet = '10.2.0.0/16'\nroot = ''", 7, ".root", "length >= 1"),
    tftp_client("subnet = '10.2.0.0/16'\nmax_blksize = 7", 7, ".max_blksize", ">= 8"),
    tftp_client("subnet = '10.2.0.0/16'\nmax_windowsize = 65", 7, ".max_windowsize", "<= 64"),
    tftp_client("subnet = '10.2.0.0/16'\nrot = '/b'", 7, ".rot", "did you mean 'root'?"),
    Bad("profile = 'fog'", 1, "profile", "fog"),
    Bad("http = 1", 1, "http", "expected `object`"),
    Bad("[http]\nenabled = 1", 2, "http.enabled", "expected `bool`"),
    Bad("[http]\nport = 0", 2, "http.port", ">= 1"),
    Bad("[http]\nports = 80", 2, "http.ports", "did you mean 'port'?"),
    item('file = "f"', 8, ".item[1]", "no text; add text = …"),
    item('text = "t"', 8, ".item[1]", 'add file = "…" or local = true'),
    item('text = ""\nlocal = true', 9, ".item[1].text", "1 to 69 printable"),
    item('text = "t"\nfile = 1', 10, ".item[1].file", "expected `str"),
    item('text = "t"\nfile = ""', 10, ".item[1].file", "printable ASCII"),
    item(f'text = "t"\nfile = "{"f" * 128}"', 10, ".item[1].file", "at most 127"),
    item('text = "t"\nfile = "f"\nlocal = true', 11, ".item[1].local", "leave out one"),
    item('text = "t"\nlokal = true', 10, ".item[1].lokal", "did you mean 'local'?"),
    item('text = "t"\nlocal = true', 3, ".item", "add one with a file"),
    item('text = "t"\nfile = "f"', 4, ".file", "write it there", rest='file = "f"'),
    item('text = "t"\nfile = "f"', 4, ".server", "leave it out", rest='server = "192.0.2.1"'),
    item('text = "t"\nfile = "f"', 4, ".style", "leave it out", rest='style = "direct"'),
    item('text = "t"\nfile = "f"', 4, ".ignore", "leave it out", rest="ignore = true"),
    item('text = "t"\nfile = "f"', 4, ".prompt", "printable", rest='prompt = "é"'),
    item('text = "t"\nfile = "f"', 4, ".timeout_s", "<= 255", rest="timeout_s = 256"),
    boot("reply_delay_s = 11", "<= 10"),
    boot('prompt = "p"', "add [[boot.item]] entries"),
    boot("timeout_s = 3", "add [[boot.item]] entries"),
    boot("item = 1", "expected `array`"),
    Bad(
        '[dhcp]\nports = [67]\n[[boot]]\n[[boot.item]]\ntext = "t"\nfile = "f"',
        3,
        "boot[0].item",
        "on port 4011",
    ),
    boot("name = 1", "expected `str`"),
    boot('arch = "uefi-x46"', "did you mean 'uefi-x64'?"),
    boot('arch = "zzz"', "known: bios, "),
    boot("arch = -1", "0 to 65535"),
    boot("arch = 65536", "0 to 65535"),
    boot("arch = true", "got `bool`"),
    boot("arch = [0, 1.5]", "got `float`", "[1]"),
    boot('ipxe_features = "bzImage"', "did you mean 'bzimage'?"),
    boot('ipxe_features = ["http", "zzz"]', "known: pxe-ext, ", "[1]"),
    boot("ipxe_features = 0x13", "got `int`"),
    boot("ipxe = false", "only iPXE has", rest='ipxe_features = "http"\nfile = "f"'),
    boot('mac = "18:66"', "no MAC address"),
    boot('mac = ["18:66:*", "x"]', "no MAC address", "[1]"),
    boot("mac = 1", "got `int`"),
    boot('uuid = "4c4c"', "4 hex digits"),
    boot('uuid = ["4c*", "4c", "4c*"]', "2 hex digits", "[1]"),
    boot('vendor_class = "a*b"', '"*part*"'),
    boot('vendor_class = ["é"]', "ASCII", "[0]"),
    boot('user_class = ""', '"prefix*"'),
    boot('user_class = "*"', '"prefix*"'),
    boot('user_class = "**"', '"prefix*"'),
    boot('subnet = "10.0.0.1/8"', "host bits"),
    boot('subnet = ["10.0.0.0/8", "10.0.0.0/33"]', "netmask", "[1]"),
    boot("ipxe = 1", "expected `bool"),
    boot("file = 1", "expected `str", rest=""),
    boot('file = "é"', "printable ASCII", rest=""),
    boot('file = "a\\u0000b"', "printable ASCII", rest=""),
    boot(f'file = "{"f" * 255}"', "255 characters; option 67 holds 254", rest=""),
    boot('file = "http://192.0.2.1/f"', "write url instead", rest=""),
    boot('url = "ftp://192.0.2.1/f"', '"http://192.0.2.10/boot.efi"'),
    boot('url = "HTTP://192.0.2.1/f"', '"http://192.0.2.10/boot.efi"'),
    boot('url = "http:///f"', '"http://192.0.2.10/boot.efi"'),
    boot('url = ""', "printable ASCII"),
    boot(f'url = "http://{{server}}/{"u" * 236}"', "more than 254"),
    Bad(
        f'[http]\nenabled = true\n[[boot]]\nfile = "{" " * 100}"',
        4,
        "boot[0].file",
        "more than 254",
    ),
    boot('url = "http://a/b"', "only iPXE and HTTP archs", rest='arch = "bios"\nipxe = false'),
    boot('server = "tftp.example"', "no IPv4 address"),
    boot('server = "0.0.0.0"', "leave it out"),
    boot('server = "224.0.0.1"', "leave it out"),
    boot('server = "255.255.255.255"', "leave it out"),
    boot('style = "bypass"', "invalid enum value"),
    boot("ipxe_too = 1", "expected `bool`"),
    boot('ignore = "yes"', "expected `bool`"),
    boot("ignore = true", "leave out one of the two"),
    boot('file = "f"', "or [http] enabled = true", rest='arch = "uefi-x64-http"'),
    Bad('[[boot]]\nname = "x"\n', 1, "boot[0]", "nothing to answer"),
    Bad('[[boot]]\nfile = "f"\n\n[[boot]]\nfile = ""', 4, "boot[1]", "nothing to answer"),
    Bad(
        '[dhcp]\nports = [67]\n[[boot]]\nfile = "f"\nstyle = "binl"',
        5,
        "boot[0].style",
        "4011",
    ),
    # keys that aren't there
    Bad("interface = []", 1, "interface", "unknown key; did you mean 'interfaces'?"),
    Bad('\n[dhpc]\na = "b"', 2, "dhpc", "unknown key; did you mean 'dhcp'?"),
    Bad(
        "zzz = 1",
        1,
        "zzz",
        "unknown key; known: interfaces, profile, dhcp, tftp, http, admin, boot, host, state",
    ),
    dhcp("port = [67]", "unknown key; did you mean 'ports'?"),
    tftp("blksize = 1468", "unknown key; did you mean 'max_blksize'?"),
    boot('files = "f"', "unknown key; did you mean 'file'?"),
    boot('"files" = "f"', "unknown key; did you mean 'file'?")._replace(key="boot[1].files"),
    Bad('boot = [{file = "f"}, {arhc = 0}]', 1, "boot[1].arhc", "did you mean 'arch'?"),
]


@pytest.mark.parametrize("bad", WRONG, ids=lambda bad: f"{bad.key}-{bad.says}")
def test_what_is_wrong_is_told_with_its_place(bad: Bad) -> None:
    error = refused(bad.text)
    assert (error.where, error.key) == (f"test.toml:{bad.line}", bad.key)
    assert bad.says in error.message


def test_the_whole_error_is_one_line() -> None:
    text = '[[boot]]\nfile = "f"\narch = "uefi-x46"'
    expected = "test.toml:3: boot[0].arch: no architecture 'uefi-x46'; did you mean 'uefi-x64'?"
    assert str(refused(text)) == expected


def test_every_key_has_a_wrong_value_here() -> None:
    keys = {
        *Document.__struct_fields__,
        *(f"dhcp.{name}" for name in Dhcp.__struct_fields__),
        *(f"tftp.{name}" for name in TftpSettings.__struct_fields__),
        *(f"admin.{name}" for name in AdminSettings.__struct_fields__),
        *(f"http.{name}" for name in HttpSettings.__struct_fields__),
        *(f"host[1].{name}" for name in HostTable.__struct_fields__),
        *(f"boot[1].{name}" for name in BootTable.__struct_fields__),
        *(f"boot[1].item[1].{name}" for name in ItemTable.__struct_fields__),
    }
    assert keys <= {bad.key.removesuffix("[0]") for bad in WRONG}


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("[dhcp\n", "test.toml:1", "not TOML: Expected ']'"),
        ("\nports = \n", "test.toml:2", "not TOML: Invalid value"),
        ('[[boot]]\nfile = "f', "test.toml", "not TOML: Unterminated string"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, where: str, says: str) -> None:
    error = refused(text)
    assert error.where == where
    assert error.message.startswith(says)


def test_a_key_in_a_comment_is_not_taken_for_the_wrong_one() -> None:
    assert refused("[dhcp]\n# min_secs = -1\nmin_secs = -1").where == "test.toml:3"


def test_a_key_of_another_table_is_not_taken_for_the_wrong_one() -> None:
    text = '[[boot]]\nfile = "f"\n[[boot]]\nname = "b"\n[[boot]]\nfile = 3'
    assert refused(text).where == "test.toml:6"
    text = '[tftp]\nroot = "/a"\n[[tftp.client]]\nsubnet = "10.0.0.0/8"\n\nroot = ""'
    assert refused(text).where == "test.toml:6"


def test_a_key_may_be_written_with_its_table() -> None:
    assert refused('dhcp.min_secs = 1\ntftp.root = "/a"\ntftp.mtu = 1').where == "test.toml:3"


# --- any text ------------------------------------------------------------------------------------

LITERALS = st.sampled_from(
    ["1", "-1", "70000", "1.5", "true", '""', '"bios"', '"10.0.0.0/8"', '"18:66:*"', '"é"', "[]",
     '["*"]', "[[1]]", "{a = 1}", '"http://h/f"', "2026-01-01", '"224.0.0.1"', '"direct"', "[67]"]
)  # fmt: skip

LINES = st.one_of(
    st.sampled_from(
        [
            "[dhcp]",
            "[tftp]",
            "[[boot]]",
            "[[tftp.client]]",
            "[tftp.remap]",
            "[boot]",
            "[dhcp.x]",
            "",
            "# x",
        ]
    ),
    st.builds(
        "{} = {}".format,
        st.sampled_from(
            [
                *Document.__struct_fields__,
                *Dhcp.__struct_fields__,
                *TftpSettings.__struct_fields__,
                *BootTable.__struct_fields__,
                "zzz",
                "boot.x",
            ]
        ),
        LITERALS,
    ),
)


@given(st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=80))
def test_any_text_is_a_config_or_an_error_with_its_place(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError as error:
        assert error.where.startswith("test.toml")  # noqa: PT017 - the only exception that is allowed
    else:
        assert found.source == "test.toml"


def test_ten_thousand_hosts_know_their_lines() -> None:
    text = "".join(f'[[boot]]\nmac = "52:54:00:00:{n >> 8:02x}:{n & 255:02x}"\nfile = "f"\n'
                   for n in range(10_000))  # fmt: skip
    assert config.parse(text, "f.toml").rules[9_999].where == "f.toml:29998"


def test_more_architectures_than_the_matcher_has_bits_are_refused() -> None:
    text = f"[[boot]]\nfile = 'a'\n[[boot]]\narch = {list(range(64))}\nfile = 'b'\n"
    with pytest.raises(ConfigError, match=r"f\.toml:4: boot\[1\]\.arch: more than 63"):
        config.parse(text, "f.toml")


def test_a_file_too_long_for_a_pi_is_refused() -> None:
    text = f'[[boot]]\narch = "rpi"\nfile = "{"x" * 128}"\n'
    with pytest.raises(ConfigError, match=r"f\.toml:3: boot\[0\]\.file: a Raspberry Pi takes"):
        config.parse(text, "f.toml")


def test_loopback_is_no_server() -> None:
    with pytest.raises(ConfigError, match=r"boot\[0\]\.server"):
        config.parse('[[boot]]\nserver = "127.0.0.1"\nfile = "x"\n', "f.toml")
