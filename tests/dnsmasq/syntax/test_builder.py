"""A configuration while it is read."""

from fastpxe.dnsmasq.syntax.builder import ConfigBuilder
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Location


def test_nothing_read_is_an_empty_configuration() -> None:
    assert ConfigBuilder().finish({}) == DnsmasqConfig()


def test_two_builders_share_no_list() -> None:
    ConfigBuilder().pxe_vendors.append("x")
    assert ConfigBuilder().pxe_vendors == []


def test_a_note_has_the_place_and_key_of_its_line() -> None:
    builder = ConfigBuilder()
    builder.note(SourceLine(Location("f", 1), "user", "x", "user=x"), "why")
    (note,) = builder.finish({}).notes
    assert (note.where, note.key, note.why) == (Location("f", 1), "user", "why")
