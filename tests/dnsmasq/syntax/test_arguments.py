"""dnsmasq's command line."""

import pytest
from dnsmasq_text import dnsmasq

from fastpxe.dnsmasq.syntax.arguments import read_arguments
from fastpxe.errors import ConfigError


def pairs(*arguments: str) -> list[tuple[str, str | None]]:
    return [(line.key, line.value) for line in read_arguments(arguments)]


@pytest.mark.gate
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port=0"], [("port", "0")]),
        (["--port", "0"], [("port", "0")]),
        (["-p0", "-p", "0"], [("port", "0"), ("port", "0")]),
        (["-dk", "-d"], [("no-daemon", None), ("keep-in-foreground", None), ("no-daemon", None)]),
        (["-dku", "root"], [("no-daemon", None), ("keep-in-foreground", None), ("user", "root")]),
        (["-q", "-1"], [("log-queries", None), ("enable-dbus", None)]),
        (["--user", "--user="], [("user", None), ("user", "")]),
        (["--dhcp-ran", "x"], [("dhcp-range", "x")]),
        (["--no-hos"], [("no-hosts", None)]),
        (["--dhcp-lease=x"], [("dhcp-lease", "x")]),
        (["--dhcp-boot", "-d"], [("dhcp-boot", "-d")]),
        (["--dhcp-boot=a #c"], [("dhcp-boot", "a #c")]),
        (['--pxe-prompt="P"'], [("pxe-prompt", '"P"')]),
        (["-F=x"], [("dhcp-range", "=x")]),
        (["", " ", "--", ""], []),
    ],
)
def test_options_are_lines(arguments: list[str], expected: list[tuple[str, str | None]]) -> None:
    assert pairs(*arguments) == expected
    assert "--help" not in dnsmasq(b"", *arguments).message


@pytest.mark.gate
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nosuch"], "no option of dnsmasq"),
        (["--dhcp-r=x"], "write one of --dhcp-range, --dhcp-remoteid, --dhcp-reply-delay"),
        (["--port"], "needs a value after it"),
        (["-p"], "needs a value after it"),
        (["-u"], "needs a value after it"),
        (["--no-hosts=1"], "write --no-hosts alone"),
        (["-qx"], "needs a value after it"),  # -q takes none, and -x is pid-file
        (["-dJ"], "needs a value after it"),
        (["-d%"], "there is no -%"),
        (["junk"], "is no option; write --KEY"),
        (["-"], "is no option; write --KEY"),
        (["--", "--port=0"], "is no option; write --KEY"),
    ],
)
def test_what_is_no_option_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        pairs(*arguments)
    assert caught.value.where.startswith("command line:")
    assert not dnsmasq(b"", *arguments).is_accepted


def test_a_line_says_which_argument_it_is_and_how_it_was_written() -> None:
    found = [(str(line.where), line.text) for line in read_arguments(["-d", "-p", "0", "--port=1"])]
    assert found == [
        ("command line:1", "-d"),
        ("command line:2", "-p 0"),
        ("command line:4", "--port=1"),
    ]


def test_an_argument_is_bytes_as_a_file_s_line_is() -> None:
    assert pairs("--dhcp-boot=é\udcff") == [("dhcp-boot", "\xc3\xa9\xff")]
