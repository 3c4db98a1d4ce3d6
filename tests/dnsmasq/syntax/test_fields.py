"""How tags are spelled."""

from fastpxe.dnsmasq.syntax.fields import has_test_prefix, leading_tags, read_tag, without_set
from fastpxe.dnsmasq.syntax.lines import hide
from fastpxe.dnsmasq.syntax.model import Tag


def test_an_exclamation_mark_or_a_hash_negates() -> None:
    assert [read_tag(name) for name in ("x", "!x", "#x", "")] == [
        Tag("x"),
        Tag("x", negated=True),
        Tag("x", negated=True),
        Tag(""),
    ]


def test_a_star_is_part_of_the_name() -> None:
    assert read_tag("x*") == Tag("x*")


def test_set_may_be_left_out() -> None:
    assert [without_set(field) for field in ("set:x", "x", "tag:x")] == ["x", "x", "tag:x"]


def test_a_quoted_prefix_is_none() -> None:
    assert has_test_prefix("tag:x")
    assert has_test_prefix("net:x")
    assert not has_test_prefix("set:x")
    assert not has_test_prefix(hide("tag:x"))


def test_tags_lead_up_to_the_first_other_field() -> None:
    assert leading_tags("tag:a,net:!b,f,tag:c") == ((Tag("a"), Tag("b", negated=True)), "f,tag:c")
    assert leading_tags("f,tag:c") == ((), "f,tag:c")


def test_tags_alone_leave_nothing() -> None:
    assert leading_tags("tag:a") == ((Tag("a"),), None)
    assert leading_tags("tag:a,") == ((Tag("a"),), "")
