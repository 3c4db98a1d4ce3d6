"""Which file a client gets: its own folder, the case of names, and whose files are served."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served
from tftp_client import Client, Refused, fetch

from fastpxe.errors import FileForbidden, FileNotFound, MalformedPacket
from fastpxe.serve.files import Root
from fastpxe.serve.requested import hardware_address, open_for, requested_path
from fastpxe.tftp import Error, TftpSettings, Wrq
from fastpxe.wire import TftpError

ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.5         0x1         0x2         52:54:00:AB:cd:ef     *        eth0
10.0.0.5         0x1         0x2         52:54:00:00:00:01     *        eth1
10.0.0.6         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.0.50        0x1         0x6         52:54:00:00:00:50     *        eth0
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """A root with a file, and a folder for 10.0.0.5."""
    (tmp_path / "root" / "10.0.0.5").mkdir(parents=True)
    (tmp_path / "root" / "a").write_bytes(b"for all")
    with Root(str(tmp_path / "root")) as opened:
        yield opened


def path_of(root: Root, name: bytes, client: str = "10.0.0.9", **settings: str | bool) -> bytes:
    return requested_path(
        root,
        TftpSettings(**settings),  # type: ignore[arg-type]  # values of every kind
        name,
        client=client,
        interface="eth0",
    )


# --- neighbours --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "interface", "found"),
    [
        ("10.0.0.5", "eth0", "52:54:00:ab:cd:ef"),
        ("10.0.0.5", "eth1", "52:54:00:00:00:01"),
        ("10.0.0.5", "eth2", None),
        ("10.0.0.50", "eth0", "52:54:00:00:00:50"),
        ("10.0.0.6", "eth0", None),  # asked for, and not answered yet
        ("10.0.0.7", "eth0", None),
    ],
)
def test_a_neighbour_is_known_by_address_and_interface(
    tmp_path: Path, client: str, interface: str, found: str | None
) -> None:
    table = tmp_path / "arp"
    table.write_text(ARP)
    assert hardware_address(client, interface, table) == found


def test_the_table_of_this_machine_is_read() -> None:
    assert hardware_address("192.0.2.1", "lo") is None


# --- folders of clients ------------------------------------------------------------------------


def test_a_client_s_folder_is_taken_where_it_is_there(root: Root) -> None:
    assert path_of(root, b"a", "10.0.0.5", unique_root="ip") == b"10.0.0.5/a"
    assert path_of(root, b"a", "10.0.0.50", unique_root="ip") == b"a"
    assert path_of(root, b"a", "10.0.0.5") == b"a"


def test_without_a_known_neighbour_files_are_those_of_all(root: Root) -> None:
    assert path_of(root, b"a", "192.0.2.1", unique_root="mac") == b"a"


def test_a_file_is_no_folder(root: Root, tmp_path: Path) -> None:
    (tmp_path / "root" / "10.0.0.7").write_bytes(b"")
    assert path_of(root, b"a", "10.0.0.7", unique_root="ip") == b"a"


def test_a_folder_that_leads_out_is_refused_not_passed_over(root: Root, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_bytes(b"secret")
    (tmp_path / "root" / "10.0.0.8").symlink_to("../elsewhere")
    path = path_of(root, b"a", "10.0.0.8", unique_root="ip")
    assert path == b"10.0.0.8/a"
    with pytest.raises(FileForbidden):
        root.open(path)


@pytest.mark.parametrize("dialect", ["fastpxe", "dnsmasq"])
def test_no_name_leads_out_of_a_client_s_folder(root: Root, dialect: str) -> None:
    for name in (b"../a", b"x/../../a", b"..\\a"):
        with pytest.raises(FileForbidden):
            path_of(root, name, "10.0.0.5", unique_root="ip", dialect=dialect)


def test_a_served_file_is_told_with_its_folder(served: Served) -> None:
    served.use(unique_root="ip")
    (served.folder / "127.0.0.1").mkdir()
    own = served.file("127.0.0.1/a", b"own")
    served.file("a", b"for all")
    served.file("b", b"for all")
    assert fetch(served.address, "a").data == own
    assert served.done().file == "127.0.0.1/a"
    with pytest.raises(Refused) as caught:
        fetch(served.address, "b")
    assert caught.value.error.code == TftpError.NOT_FOUND


# --- names -------------------------------------------------------------------------------------


def test_names_may_be_lowered(root: Root) -> None:
    assert path_of(root, b"Boot\\BCD", lowercase=True) == b"boot/bcd"
    assert path_of(root, b"Boot\\BCD") == b"Boot/BCD"
    assert path_of(root, b"A", "10.0.0.5", lowercase=True, unique_root="ip") == b"10.0.0.5/a"


def test_the_path_of_the_root_may_stand_in_front_for_dnsmasq_alone(root: Root) -> None:
    name = root.path.encode() + b"/a"
    assert path_of(root, name, dialect="dnsmasq") == b"a"
    assert path_of(root, name) == name.lstrip(b"/")


def test_the_prefix_of_dnsmasq_ends_with_the_client_s_folder(root: Root) -> None:
    prefix = root.path.encode() + b"/"
    name = prefix + b"10.0.0.5/a"
    own = {"dialect": "dnsmasq", "unique_root": "ip"}
    assert path_of(root, name, "10.0.0.5", **own) == b"10.0.0.5/a"
    assert path_of(root, prefix + b"a", "10.0.0.5", **own) == b"10.0.0.5/" + prefix[1:] + b"a"


def test_a_name_that_fastpxe_refuses_is_one_that_dnsmasq_doesn_t_find(root: Root) -> None:
    with pytest.raises(MalformedPacket):
        path_of(root, b"a\x01")
    assert path_of(root, b"a\x01", dialect="dnsmasq") == b"a\x01"


# --- who may read ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_root_may_be_told_to_serve_what_everybody_may_read(
    root: Root, tmp_path: Path, mode: int
) -> None:
    assert os.geteuid() == 0
    (tmp_path / "root" / "a").chmod(mode)
    with pytest.raises(FileForbidden):
        open_for(root, TftpSettings(world_readable=True), b"a")
    open_for(root, TftpSettings(), b"a").close()
    (tmp_path / "root" / "a").chmod(0o604)
    open_for(root, TftpSettings(world_readable=True), b"a").close()


def test_owners_are_nothing_to_root(root: Root, tmp_path: Path) -> None:
    os.chown(tmp_path / "root" / "a", 65534, 65534)
    open_for(root, TftpSettings(secure=True), b"a").close()


def test_a_missing_file_is_missing_whoever_may_read(root: Root) -> None:
    with pytest.raises(FileNotFound):
        open_for(root, TftpSettings(world_readable=True, secure=True), b"b")


# --- numbers of errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fastpxe", "dnsmasq"),
    [
        ("nothing", TftpError.NOT_FOUND, TftpError.NOT_FOUND),
        ("folder", TftpError.ACCESS_VIOLATION, TftpError.UNDEFINED),
        ("/", TftpError.ACCESS_VIOLATION, TftpError.UNDEFINED),
        ("a/b", TftpError.NOT_FOUND, TftpError.UNDEFINED),
        ("x" * 256, TftpError.ILLEGAL_OPERATION, TftpError.UNDEFINED),
        ("../a", TftpError.ACCESS_VIOLATION, TftpError.ACCESS_VIOLATION),
        ("link-out", TftpError.ACCESS_VIOLATION, TftpError.ACCESS_VIOLATION),
        ("fifo", TftpError.ACCESS_VIOLATION, TftpError.ACCESS_VIOLATION),
    ],
)
def test_each_dialect_has_its_numbers(
    served: Served, name: str, fastpxe: TftpError, dnsmasq: TftpError
) -> None:
    served.file("a", b"x")
    (served.folder / "folder").mkdir()
    (served.folder / "link-out").symlink_to("/etc/hostname")
    os.mkfifo(served.folder / "fifo")
    for dialect, code in (("fastpxe", fastpxe), ("dnsmasq", dnsmasq)):
        served.use(dialect=dialect)
        with pytest.raises(Refused) as caught:
            fetch(served.address, name)
        assert caught.value.error.code == code
        assert str(served.folder) not in caught.value.error.text


@pytest.mark.parametrize(
    ("dialect", "code"),
    [("fastpxe", TftpError.ACCESS_VIOLATION), ("dnsmasq", TftpError.ILLEGAL_OPERATION)],
)
def test_a_write_request_is_refused(
    served: Served, client: Client, dialect: str, code: TftpError
) -> None:
    served.use(dialect=dialect)
    client.send(Wrq(filename=b"new", mode="octet"))
    answer = client.receive()
    assert isinstance(answer, Error)
    assert answer.code == code
