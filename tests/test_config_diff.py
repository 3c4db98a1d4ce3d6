"""What the log says of a reload."""

from fastpxe.config_diff import SHOWN_MAX, changes
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.policy import config

OLD = """
[tftp]
root = "/old"
[[boot]]
name = "a"
file = "a"
[[boot]]
name = "b"
file = "b"
[[host]]
mac = "02:00:00:00:00:01"
boot = "a"
"""


def changed(new: str, old: str = OLD) -> list[str]:
    return changes(config.parse(old, "old.toml"), config.parse(new, "new.toml"))


def dnsmasq(*options: str) -> DnsmasqConfig:
    disk = Disk(lambda _: None, lambda _: None, lambda path: path)
    return read_config([], arguments=list(options), disk=disk)


def test_nothing_changed_though_the_lines_did() -> None:
    assert changed(f"\n\n# a remark\n{OLD}") == []


def test_a_key_is_told_with_both_values() -> None:
    assert changed(OLD.replace("/old", "/new")) == ["tftp.root: '/old' -> '/new'"]
    assert changed(f'interfaces = ["eth1"]\n{OLD}') == ["interfaces: () -> ('eth1',)"]


def test_a_secret_is_told_without_its_value() -> None:
    text = OLD + '[admin]\ntoken = "0123456789abcdef"\n'
    assert changed(text) == ["admin.token"]


def test_rules_come_go_and_change() -> None:
    assert changed(OLD + '[[boot]]\nname = "c"\nfile = "c"\n') == ["rule 'c' is new"]
    assert changed(OLD.replace('"b"\n[[host', '"b"\nipxe = true\n[[host')) == ["rule 'b' changed"]
    assert changed(OLD, OLD + '[[boot]]\nname = "c"\nfile = "c"\n') == ["rule 'c' is gone"]


def test_the_order_of_rules_counts() -> None:
    a, b = '[[boot]]\nname = "a"\nfile = "a"\n', '[[boot]]\nname = "b"\nfile = "b"\n'
    assert changed(b + a, a + b) == ["rules are in another order"]


def test_a_host_that_gets_something_else_is_told() -> None:
    assert changed(OLD.replace('boot = "a"', 'boot = "b"')) == ["host '02:00:00:00:00:01' changed"]


def test_of_many_changes_the_rest_is_counted() -> None:
    more = "".join(f'[[boot]]\nname = "n{n}"\nfile = "f"\n' for n in range(SHOWN_MAX + 5))
    found = changed(OLD + more)
    assert (len(found), found[-1]) == (SHOWN_MAX + 1, "and 5 more")


def test_of_dnsmasq_s_syntax_what_changed_is_named() -> None:
    old, new = dnsmasq("--dhcp-boot=a"), dnsmasq("--dhcp-boot=b")
    assert changes(old, new) == ["boots changed"]
    assert changes(old, config.parse(OLD, "x")) == ["the other syntax"]
