"""[tftp]: the keys for client folders, ports and roots, and what excludes what."""

import pytest

from fastpxe import config
from fastpxe.errors import ConfigError
from fastpxe.tftp import TftpSettings


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
    ],
)
def test_what_goes_together_is_accepted(lines: str) -> None:
    tftp(lines)
