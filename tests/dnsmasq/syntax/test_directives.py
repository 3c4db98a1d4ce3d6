"""Every directive that is acted on."""

from functools import partial

import pytest
from dnsmasq_text import read, refusal

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder
from fastpxe.dnsmasq.syntax.directives import DIRECTIVES
from fastpxe.dnsmasq.syntax.keywords import KEYS
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import Location

VALUES = (
    None,
    "",
    "7",
    "10.0.0.1",
    "0,7",
    "a,10.0.0.1",
    "10.0.0.1,proxy",
    "set:a,7",
    "set:a,tag:b",
)


@pytest.mark.parametrize("key", sorted(DIRECTIVES))
def test_a_directive_takes_some_value_and_says_where_another_stands(key: str) -> None:
    values = VALUES if KEYS[key].argument != "none" else (None,)
    lines = [SourceLine(Location("f", 1), key, value, key) for value in values]
    errors = [refusal(partial(DIRECTIVES[key], line, ConfigBuilder())) for line in lines]
    assert None in errors
    assert all((error.where, error.key) == ("f:1", key) for error in errors if error)


def test_files_of_hosts_and_options_are_read_last() -> None:
    config = read(
        "dhcp-hostsfile=a.hosts\ndhcp-optsfile=a.opts\ndhcp-host=first\npxe-prompt=first",
        a_hosts="second\n",
        a_opts="vendor:PXEClient,6,1\n",
    )
    assert [host.name for host in config.hosts] == ["first", "second"]
    assert [str(option.where) for option in config.vendor_options] == ["f.conf:4", "a.opts:1"]
