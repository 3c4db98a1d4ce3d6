"""[tftp]: the keys for client folders, ports and roots, and what excludes what."""

import re
from ipaddress import IPv4Network

import pytest
from project import DOCS

from fastpxe.errors import ConfigError
from fastpxe.policy import config
from fastpxe.tftp.packets import TftpClient, TftpSettings

CONFIGURATION = DOCS / "reference" / "configuration.md"


def tftp(lines: str) -> TftpSettings:
    return config.parse(f"[tftp]\n{lines}\n", "test.toml").tftp


def test_every_key_is_read() -> None:
    assert tftp("""
interfaces = ["eth0", "br*"]
root = "/srv/tftp"
roots = { eth1 = "/srv/lab" }
no_fail = true
unique_root = "mac"
lowercase = true
secure = true
world_readable = true
dialect = "dnsmasq"
ports = [40000, 40999]
mtu = 1400
""") == TftpSettings(
        interfaces=("eth0", "br*"),
        root="/srv/tftp",
        roots={"eth1": "/srv/lab"},
        no_fail=True,
        unique_root="mac",
        lowercase=True,
        secure=True,
        world_readable=True,
        dialect="dnsmasq",
        ports=(40000, 40999),
        mtu=1400,
    )


def test_the_other_way_to_have_ports_and_blocks() -> None:
    assert tftp('ports = "single"\nallow_blksize = false') == TftpSettings(
        ports="single", allow_blksize=False
    )


def test_roots_may_be_a_table_of_their_own() -> None:
    assert tftp('root = "/a"\n[tftp.roots]\neth1 = "/b"').roots == {"eth1": "/b"}


def test_the_defaults_change_nothing() -> None:
    assert tftp("") == TftpSettings(
        interfaces=(),
        roots={},
        no_fail=False,
        unique_root=None,
        lowercase=False,
        ignore_case=False,
        remap={},
        client=(),
        secure=False,
        world_readable=False,
        dialect="fastpxe",
        ports="shared",
        data_path="auto",
        allow_blksize=True,
        mtu=None,
    )


@pytest.mark.parametrize(
    ("lines", "line", "key", "says"),
    [
        ("ports = [5999, 5000]", 2, "ports", "the lower port first"),
        ("ports = [0, 5000]", 2, "ports", ">= 1"),
        ("ports = [1, 65536]", 2, "ports", "<= 65535"),
        ("ports = [1, 2, 3]", 2, "ports", "length 2"),
        ('ports = "any"', 2, "ports", "any"),
        ('data_path = "fast"', 2, "data_path", "fast"),
        ("max_blksize = 1024\nallow_blksize = false", 2, "max_blksize", "has 512 bytes"),
        ("allow_blksize = false\nmtu = 1400", 3, "mtu", "has 512 bytes"),
        ("mtu = 1400\n\nmax_blksize = 1024", 2, "mtu", "leave out one of the two"),
        ('dialect = "dnsmasq"', 2, "dialect", "no default root"),
        ('root = "/a"\nignore_case = true\ndialect = "dnsmasq"', 3, "ignore_case", "no such thing"),
        ('dialect = "dnsmasq"\nroot = "/a"\nremap = {a = "b"}', 4, "remap", "leave it or dialect"),
        ('roots = ["eth1"]', 2, "roots", "expected `object`"),
        ("interfaces = [1]", 2, "interfaces", "expected `str`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(lines: str, line: int, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tftp(lines)
    error = caught.value
    assert (error.where, error.key.partition("[")[0]) == (f"test.toml:{line}", f"tftp.{key}")
    assert says in error.message


@pytest.mark.parametrize(
    "lines",
    [
        "ports = [5000, 5000]",
        'ports = "per-transfer"\ndata_path = "sendfile"',
        "mtu = 68",
        'dialect = "dnsmasq"\nroots = { eth1 = "/srv" }',
        'dialect = "dnsmasq"\nenabled = false',
        'dialect = "dnsmasq"\nroot = "/a"\n[[tftp.client]]\nsubnet = "10.0.0.0/8"\nroot = "/b"',
        'mtu = 1400\n[[tftp.client]]\nsubnet = "10.0.0.0/8"\nmax_blksize = 1024',
        'lowercase = true\nignore_case = true\nremap = { "A" = "B" }',
    ],
)
def test_what_goes_together_is_accepted(lines: str) -> None:
    tftp(lines)


# --- remap -------------------------------------------------------------------------------------


def test_a_remap_is_read_as_it_is_written() -> None:
    written = {"old/name.efi": "new/name.efi", "pxelinux.cfg/*": "menus/*"}
    line = 'remap = { "old/name.efi" = "new/name.efi", "pxelinux.cfg/*" = "menus/*" }'
    assert tftp(line).remap == written
    assert tftp(
        '[tftp.remap]\n"old/name.efi" = "new/name.efi"\n"pxelinux.cfg/*" = "menus/*"'
    ).remap == (written)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('"a.efi" = "../b.efi"', "the name leaves the root; write a path below the root"),
        ('"a.efi" = "x/../../b.efi"', "leaves the root"),
        ("\"a.efi\" = 'x\\..\\b.efi'", "leaves the root"),
        ("\"a.efi\" = 'C:..\\b.efi'", "leaves the root"),
        ('"a.efi" = "/etc/passwd"', "without a slash in front"),
        ("\"a.efi\" = '\\etc\\passwd'", "without a slash in front"),
        ('"a.efi" = "."', "the root itself"),
        ('"a.efi" = ""', "a file name of 0 bytes"),
        ('"a.efi" = "b\\u0000c"', "control bytes"),
        (f'"a.efi" = "{"x" * 256}"', "a file name of 256 bytes"),
        ('"a.efi" = "b/*"', "only where the requested name has one"),
        ('"a.efi*" = "*/*"', "no more than one *"),
        ('"a.efi*" = "../*"', "leaves the root"),
        ('"*.efi" = "b"', "at the end only"),
        ('"a**" = "b"', "at the end only"),
        ('"../a.efi" = "b"', "leaves the root"),
        ('"" = "b"', "a file name of 0 bytes"),
        ('"/zero.efi" = "b"', "the same as 'zero.efi'; leave out one of the two"),
    ],
)
def test_a_wrong_renaming_is_told_with_its_line(entry: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tftp(f'root = "/a"\n[tftp.remap]\n"zero.efi" = "0"\n\n{entry}\n"z.efi" = "1"')
    error = caught.value
    name = entry.partition(" =")[0]
    assert (error.where, error.key) == ("test.toml:6", f"tftp.remap.{name}")
    assert says in error.message


def test_a_wrong_renaming_in_one_line_is_told_with_that() -> None:
    with pytest.raises(ConfigError) as caught:
        tftp('root = "/a"\nremap = { "a.efi" = "b", "c.efi" = "../d" }')
    assert caught.value.where == "test.toml:3"
    assert caught.value.key == 'tftp.remap."c.efi"'


@pytest.mark.parametrize("key", ["lowercase", "ignore_case"])
def test_where_case_doesn_t_count_a_name_stands_once(key: str) -> None:
    names = '"Boot/BCD" = "a"\n"boot/bcd" = "b"'
    with pytest.raises(ConfigError, match="the same as 'Boot/BCD'"):
        tftp(f"{key} = true\n[tftp.remap]\n{names}")
    assert len(tftp(f"[tftp.remap]\n{names}").remap) == 2


# --- clients -----------------------------------------------------------------------------------


def test_every_key_of_a_client_is_read() -> None:
    read = tftp("""
root = "/a"
[[tftp.client]]
subnet = "10.1.0.0/16"
root = "/b"
max_blksize = 1024
max_windowsize = 8
[[tftp.client]]
subnet = "0.0.0.0/0"
max_blksize = 65464
""")
    assert read.client == (
        TftpClient(
            subnet=IPv4Network("10.1.0.0/16"), root="/b", max_blksize=1024, max_windowsize=8
        ),
        TftpClient(subnet=IPv4Network("0.0.0.0/0"), max_blksize=65464),
    )


def test_a_client_s_blocks_need_allow_blksize() -> None:
    with pytest.raises(ConfigError, match=r"test\.toml:5: tftp\.client\[0\]\.max_blksize: without"):
        tftp('allow_blksize = false\n[[tftp.client]]\nsubnet = "10.0.0.0/8"\nmax_blksize = 1024')


def test_every_key_of_a_client_is_described_and_no_other() -> None:
    section = CONFIGURATION.read_text().partition("## [[tftp.client]]\n")[2].partition("\n## ")[0]
    described = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert described == list(TftpClient.__struct_fields__)
