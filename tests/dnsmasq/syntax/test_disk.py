"""Which files of a directory count."""

import pytest

from fastpxe.dnsmasq.syntax.disk import DEBIAN_LEFTOVERS, Disk, chosen


def test_names_are_in_the_order_of_their_bytes() -> None:
    assert chosen(["b", "é", "a", "B", "10", "9"]) == ["10", "9", "B", "a", "b", "é"]


@pytest.mark.parametrize("name", ["a~", "#a#", ".a", ""])
def test_backups_and_hidden_files_are_skipped(name: str) -> None:
    assert chosen([name, "a"]) == ["a"]


def test_a_suffix_is_skipped_or_with_a_star_asked_for() -> None:
    names = ["a.conf", "b.conf.bak", "c", ".conf", "bak"]
    assert chosen(names, [".bak"]) == ["a.conf", "bak", "c"]
    assert chosen(names, ["*.conf"]) == ["a.conf"]
    assert chosen(names, ["*.conf", "*.bak"]) == ["a.conf", "b.conf.bak"]
    assert chosen(names, ["*", ""]) == ["a.conf", "b.conf.bak", "bak", "c"]


def test_a_name_that_is_all_suffix_does_not_end_with_it() -> None:
    assert chosen(["bak"], ["bak"]) == ["bak"]
    assert chosen(["conf"], ["*conf"]) == []


def test_what_debian_leaves_is_skipped() -> None:
    assert chosen(["a", "a.dpkg-old", "a.dpkg-new", "a.dpkg-dist"], DEBIAN_LEFTOVERS) == ["a"]


def test_a_file_is_by_default_known_by_its_path() -> None:
    disk = Disk(lambda _: None, lambda _: None)
    assert disk.identity("a//b/../c") == disk.identity("a/c") != disk.identity("c")
