"""A configuration as a whole: order, included files, what may stand once, and what is refused."""

import json
from ipaddress import IPv4Address

import pytest
from dnsmasq_golden import DISK, FOLDER
from dnsmasq_text import disk, read, refusal, refused
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.keywords import KEYS
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.errors import ConfigError

CONFIGS = sorted(path.name for path in (FOLDER / "configs").glob("*.conf"))
# At which line dnsmasq 2.90 refused the recorded configurations.
REFUSED = {
    "parse-bad-caps.conf": 5,
    "parse-bad-continuation.conf": 6,
    "parse-bad-csa.conf": 5,
    "parse-bad-dashes.conf": 5,
    "parse-bad-match-addr-noip.conf": 5,
    "parse-bad-nooverride-arg.conf": 5,
    "parse-bad-range-badtag.conf": 5,
    "parse-bad-tag-only.conf": 5,
    "parse-bad-tagif.conf": 5,
    "parse-bad-vendorclass3.conf": 5,
    "parse-ok-match-vendor.conf": 5,
    "parse-ok-range-uppercase.conf": 5,
    "tagif-net.conf": 5,
}


def files(config: DnsmasqConfig) -> list[str]:
    return [boot.file for boot in config.boots]


# --- the recorded configurations -----------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in REFUSED])
def test_what_dnsmasq_ran_with_is_read(name: str) -> None:
    assert read_config([f"configs/{name}"], disk=DISK)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_dnsmasq_refused_is_refused_at_the_same_line(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config([f"configs/{name}"], disk=DISK)
    assert caught.value.where == f"configs/{name}:{REFUSED[name]}"
    assert not caught.value.message.endswith(".")


def test_the_recordings_say_which_were_refused() -> None:
    recorded = {
        path.with_suffix(".conf").name
        for path in FOLDER.glob("*.json")
        if any(exchange.get("startup_failed") for exchange in json.loads(path.read_text()))
    }
    assert recorded <= set(REFUSED)


def test_a_whole_configuration() -> None:
    config = read_config(["configs/seed2.conf"], disk=DISK)
    assert [(b.file, [t.name for t in b.tags]) for b in config.boots] == [
        ("i386-efi/ipxe.efi", ["UEFI32"]),
        ("ipxe.efi", ["UEFI"]),
        ("ipxe.efi", ["UEFI64"]),
        ("intel.efi", ["UEFI", "e6230"]),
        ("undionly.kpxe", []),
    ]
    assert [match.sets for match in config.class_matches] == ["BIOS", "UEFI32", "UEFI", "UEFI64"]
    assert [root.path for root in config.tftp.roots] == ["/tftpboot"]
    assert [note.key for note in config.notes] == ["dhcp-no-override"]
    assert (config.is_pxe_enabled, config.log_dhcp, config.hosts_names) == (True, True, {})
    assert config.ranges[0].address == IPv4Address("10.88.0.1")


# --- included files ------------------------------------------------------------------------------


def test_an_included_file_is_read_in_its_place() -> None:
    config = read("dhcp-boot=1\nconf-file=a.conf\ndhcp-boot=3", a_conf="dhcp-boot=2")
    assert files(config) == ["1", "2", "3"]
    assert str(config.boots[1].where) == "a.conf:1"


def test_a_file_is_read_once_even_if_it_includes_itself() -> None:
    config = read("conf-file=a.conf\nconf-file=a.conf\nconf-file=f.conf", a_conf="dhcp-boot=a")
    assert files(config) == ["a"]


def test_two_names_of_one_file_are_one() -> None:
    there = disk({"a": b"dhcp-boot=a", "b": b"dhcp-boot=a"})
    config = read_config(["a", "b"], disk=Disk(there.read, there.list_dir, lambda _: 1))
    assert files(config) == ["a"]


@pytest.mark.parametrize("line", ["conf-file=", "conf-file", "conf-dir=", "conf-dir=,*.conf"])
def test_including_nothing_is_taken(line: str) -> None:
    assert read(line) == DnsmasqConfig()


def test_a_missing_file_is_reported_at_the_line_that_includes_it() -> None:
    error = refused("\nconf-file=nosuch")
    assert error.where == "f.conf:2"
    assert error.message == '"nosuch" can\'t be read; does it exist, and is it readable?'
    assert refused("conf-dir=nosuch").message == '"nosuch" is not a directory that can be read'


def test_a_directory_is_read_in_order_and_by_suffix() -> None:
    contents = {f"d/{name}": f"dhcp-boot={name}".encode() for name in ("b.conf", "a.conf", "c.bak")}
    contents["f"] = b"conf-dir=d,*.conf\ndhcp-boot=last"
    folders = {"d": ["c.bak", "b.conf", "a.conf", ".hidden"]}
    assert files(read_config(["f"], disk=disk(contents, folders))) == ["a.conf", "b.conf", "last"]


def test_a_directory_that_is_named_is_read_without_what_debian_leaves() -> None:
    contents = {"d/a": b"dhcp-boot=a", "d/a.dpkg-old": b"wrong"}
    folders = {"d": ["a.dpkg-old", "a"]}
    assert files(read_config(["d"], disk=disk(contents, folders))) == ["a"]


def test_a_named_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^nosuch: "):
        read_config(["nosuch"], disk=disk({}))


# --- hosts and options in files ------------------------------------------------------------------


def test_a_bad_line_in_a_file_of_hosts_is_left_out_and_noted() -> None:
    config = read("dhcp-hostsfile=a.hosts", a_hosts='lab\n\n-bad\n"open\nlab2 # c\n')
    assert [host.name for host in config.hosts] == ["lab", "lab2"]
    assert [(str(note.where), note.key) for note in config.notes] == [
        ("a.hosts:3", "dhcp-host"),
        ("a.hosts:4", "dhcp-host"),
    ]
    assert config.notes[0].why.startswith('this line is skipped: "-bad" is not a host name')


@pytest.mark.parametrize("key", ["dhcp-hostsfile", "dhcp-hostsdir"])
def test_a_directory_of_hosts_is_read(key: str) -> None:
    contents = {"f": f"{key}=d".encode(), "d/b": b"two", "d/a": b"one", "d/c~": b"-bad"}
    config = read_config(["f"], disk=disk(contents, {"d": ["b", "a", "c~"]}))
    assert [host.name for host in config.hosts] == ["one", "two"]


@pytest.mark.parametrize("key", ["dhcp-hostsfile", "dhcp-optsfile", "dhcp-optsdir"])
def test_a_file_of_hosts_or_options_that_is_not_there_is_noted(key: str) -> None:
    (note,) = read(f"{key}=nosuch").notes
    assert (str(note.where), note.key, note.why) == ("f.conf:1", key, '"nosuch" can\'t be read')


# --- what may stand once, and the command line ---------------------------------------------------


@pytest.mark.parametrize("key", [key for key in KEYS.values() if key.is_once], ids=lambda k: k.name)
def test_some_keys_are_allowed_once_in_the_files_and_once_in_the_arguments(key: object) -> None:
    name = getattr(key, "name", "")
    value = "1,2" if name == "tftp-port-range" else "1"
    assert read(f"{name}={value}", f"--{name}={value}")
    assert "remove the other line" in refused(f"{name}={value}\n{name}={value}").message
    error = refused("", f"--{name}={value}", f"--{name}={value}")
    assert (error.where, error.key) == ("command line:2", name)


def test_the_command_line_is_read_first_and_the_file_overrides_it() -> None:
    config = read("dhcp-boot=2\ntftp-max=3", "--dhcp-boot=1", "--tftp-max=9")
    assert files(config) == ["1", "2"]
    assert config.tftp.max_transfers == 3


def test_of_the_files_of_the_command_line_the_first_is_read_after_the_arguments() -> None:
    contents = {name: f"dhcp-boot={name}".encode() for name in "abc"}
    arguments = ["-C", "a", "-M", "1", "--conf-file=b", "-M2"]
    config = read_config(["c"], arguments=arguments, disk=disk(contents))
    assert files(config) == ["1", "b", "2", "a", "c"]


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DHCP-Boot=x", "f.conf:1: DHCP-Boot: keywords are in lower case; write dhcp-boot"),
        ("--port=0", "f.conf:1: --port: a keyword in a file has no leading dashes; write port"),
        ("dhcp-bot=x", "f.conf:1: dhcp-bot: unknown keyword; did you mean dhcp-boot?"),
        ("%=x", "f.conf:1: %: unknown keyword"),
        ("=x", "f.conf:1: unknown keyword"),
        ("dhcp-boot", "f.conf:1: dhcp-boot: the value is missing; write dhcp-boot=VALUE"),
        (
            "log-dhcp=1",
            "f.conf:1: log-dhcp: the keyword takes no value; remove the `=` and the text after it",
        ),
        ("port=x", 'f.conf:1: port: "x" is not a port; write a number up to 65535'),
        ("cache-size=x", 'f.conf:1: cache-size: "x" is not a number'),
        (
            "\ndhcp-fqdn",
            "f.conf:2: dhcp-fqdn: a domain for all hosts is required; add domain=NAME",
        ),
    ],
)
def test_an_error_has_the_line_and_a_correct_form(text: str, message: str) -> None:
    assert str(refused(text)) == message


LINES = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}={}".format,
        st.sampled_from(sorted(KEYS)),
        st.text(st.sampled_from('0123456789abf.:,*-/[]!#" \\x'), max_size=40),
    ),
    st.builds(
        "{}={}".format,
        st.sampled_from(sorted(KEYS)),
        st.lists(
            st.sampled_from(
                ["tag:a", "set:b", "10.0.0.1", "proxy", "7", "60", "vendor:x", "x86PC", "", "id:1"]
            ),
            max_size=5,
        ).map(",".join),
    ),
)


@given(st.lists(LINES, max_size=6).map("\n".join))
def test_any_text_is_a_configuration_or_refused_with_a_line(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    only = Disk(lambda path: content if path == "f" else None, lambda _: None)
    error = refusal(lambda: read_config(["f"], disk=only))
    if error is not None:
        file, _, line = error.where.rpartition(":")
        assert file == "f"
        assert 1 <= int(line) <= content.count(b"\n") + 1


@given(st.lists(st.one_of(LINES, LINES.map("--{}".format), st.just("-C")), max_size=4))
def test_any_arguments_are_a_configuration_or_refused(arguments: list[str]) -> None:
    empty = Disk(lambda _: b"", lambda _: None)
    error = refusal(lambda: read_config(arguments=arguments, disk=empty))
    assert error is None or error.where.startswith("command line:")
