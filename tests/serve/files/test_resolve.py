"""Which file a client gets: its own folder, the case of names, and whose files are served."""
# ruff: noqa: N802 - T40 and the like are the numbers of the protocol statements

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served
from tftp_client import Client, Refused, fetch

from fastpxe.dhcp.constants import TftpError
from fastpxe.errors import FileForbidden, FileNotFound, MalformedPacket
from fastpxe.serve.files.resolve import (
    MOST_SPELLINGS,
    hardware_address,
    open_for,
    open_requested,
    requested_path,
)
from fastpxe.serve.files.root import Opener, Root, open_beneath, open_by_walking
from fastpxe.serve.files.roots import MissingRoot
from fastpxe.tftp.packets import Error, TftpSettings, Wrq

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


def path_of(root: Root, name: bytes, client: str = "10.0.0.9", **settings: object) -> bytes:
    folder_and_path = requested_path(
        root,
        TftpSettings(**settings),  # type: ignore[arg-type]  # values of every kind
        name,
        client=client,
        interface="eth0",
    )
    return b"".join(folder_and_path)


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


# --- any case ----------------------------------------------------------------------------------


@pytest.fixture(params=[open_beneath, open_by_walking])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Root]:
    """A root with the files of Windows PE, and a file beside it that must not be readable."""
    opener: Opener = request.param
    (tmp_path / "secret").write_bytes(b"secret")
    files = tmp_path / "pe" / "Boot" / "Fonts"
    files.mkdir(parents=True)
    (files / "wgl4_boot.ttf").write_bytes(b"font")
    (tmp_path / "pe" / "Boot" / "BCD").write_bytes(b"bcd")
    (tmp_path / "pe" / "Boot" / "caf\u00c9").write_bytes(b"not ASCII")
    with Root(str(tmp_path / "pe"), opener) as opened:
        yield opened


def opened_path(root: Root, name: bytes, client: str = "10.0.0.9", **settings: object) -> bytes:
    """The path of the file that is opened for a name, in any case."""
    chosen = TftpSettings(**{"ignore_case": True, **settings})  # type: ignore[arg-type]
    path, file = open_requested(root, chosen, name, client=client, interface="eth0")
    file.close()
    return path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"\\boot\\bcd", b"Boot/BCD"),
        (b"\\BOOT\\BCD", b"Boot/BCD"),
        (b"C:\\Boot\\bcd", b"Boot/BCD"),
        (b"/Boot/BCD", b"Boot/BCD"),
        (b"BOOT/fonts/WGL4_BOOT.TTF", b"Boot/Fonts/wgl4_boot.ttf"),
        (b"boot/caf\xc3\x89", b"Boot/caf\xc3\x89"),
    ],
)
def test_a_file_is_found_in_any_case(tree: Root, name: bytes, path: bytes) -> None:
    assert opened_path(tree, name) == path


@pytest.mark.parametrize(
    "name",
    [
        b"boot/bcd.log",
        b"boot",
        b"boot/bcd/x",
        b"boot/fonts",
        b"bcd",
        b"x" * 255,
        b"boot/caf\xc3\xa9",
    ],
)
def test_nothing_else_is_found_in_any_case(tree: Root, name: bytes) -> None:
    with pytest.raises((FileNotFound, FileForbidden)):
        opened_path(tree, name)


def test_without_ignore_case_names_are_exact(tree: Root) -> None:
    with pytest.raises(FileNotFound):
        opened_path(tree, b"boot/bcd", ignore_case=False)


def test_the_exact_name_comes_first(tree: Root, tmp_path: Path) -> None:
    (tmp_path / "pe" / "Boot" / "bcd").write_bytes(b"other")
    assert opened_path(tree, b"Boot/bcd") == b"Boot/bcd"
    assert opened_path(tree, b"Boot/BCD") == b"Boot/BCD"


def test_of_several_none_is_taken_and_the_clash_is_named(tree: Root, tmp_path: Path) -> None:
    (tmp_path / "pe" / "Boot" / "bcd").write_bytes(b"other")
    with pytest.raises(FileNotFound) as caught:
        opened_path(tree, b"BOOT/BcD")
    assert str(caught.value) == "more than one in upper and lower case: Boot/BCD, Boot/bcd"


def test_a_folder_in_two_cases_is_no_clash_where_one_has_the_file(
    tree: Root, tmp_path: Path
) -> None:
    (tmp_path / "pe" / "boot").mkdir()
    (tmp_path / "pe" / "BOOT").write_bytes(b"a file")
    assert opened_path(tree, b"boot/bcd") == b"Boot/BCD"
    (tmp_path / "pe" / "boot" / "Bcd").write_bytes(b"other")
    with pytest.raises(FileNotFound, match="Boot/BCD, boot/Bcd"):
        opened_path(tree, b"boot/bcd")


def test_a_missing_root_is_told_in_any_case_too(tmp_path: Path) -> None:
    root = MissingRoot(str(tmp_path / "late"))
    settings = TftpSettings(ignore_case=True)
    with pytest.raises(FileNotFound, match="the root is missing"):
        open_requested(root, settings, b"boot/bcd", client="", interface="")
    (tmp_path / "late" / "Boot").mkdir(parents=True)
    (tmp_path / "late" / "Boot" / "BCD").write_bytes(b"late")
    path, file = open_requested(root, settings, b"boot/bcd", client="", interface="")
    file.close()
    assert path == b"Boot/BCD"


def test_what_is_there_is_seen_at_each_request(tree: Root, tmp_path: Path) -> None:
    (tmp_path / "pe" / "Boot" / "BCD").rename(tmp_path / "pe" / "Boot" / "Bcd")
    assert opened_path(tree, b"boot/bcd") == b"Boot/Bcd"
    (tmp_path / "pe" / "Boot" / "Bcd").unlink()
    with pytest.raises(FileNotFound):
        opened_path(tree, b"boot/bcd")


def test_the_lower_case_name_is_the_exact_one_where_names_are_lowered(
    tree: Root, tmp_path: Path
) -> None:
    assert opened_path(tree, b"Boot/BCD", lowercase=True) == b"Boot/BCD"
    (tmp_path / "pe" / "boot").mkdir()
    (tmp_path / "pe" / "boot" / "bcd").write_bytes(b"lower")
    assert opened_path(tree, b"Boot/BCD", lowercase=True) == b"boot/bcd"


def test_any_case_stays_in_a_client_s_folder(tree: Root, tmp_path: Path) -> None:
    own = tmp_path / "pe" / "10.0.0.5"
    (own / "Boot").mkdir(parents=True)
    (own / "Boot" / "Only").write_bytes(b"own")
    own_folder = {"client": "10.0.0.5", "unique_root": "ip"}
    assert opened_path(tree, b"boot/only", **own_folder) == b"10.0.0.5/Boot/Only"  # type: ignore[arg-type]
    with pytest.raises(FileNotFound):
        opened_path(tree, b"boot/bcd", **own_folder)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["/etc", "..", "../..", "/etc/passwd", "../secret"])
@pytest.mark.parametrize("name", [b"out", b"OUT", b"out/passwd", b"OUT/secret", b"oUt/etc/passwd"])
def test_T40_any_case_leads_through_no_link_out(
    tree: Root, tmp_path: Path, target: str, name: bytes
) -> None:
    (tmp_path / "pe" / "Out").symlink_to(target)
    with pytest.raises((FileForbidden, FileNotFound)):
        opened_path(tree, name)


@pytest.mark.parametrize(
    "name",
    [
        b"../secret",
        b"..\\SECRET",
        b"Boot/../../secret",
        b"BOOT\\..\\..\\Secret",
        b"C:..\\secret",
        b"C:\\..\\SECRET",
        b"/../secret",
        b"boot/bcd\0x",
        b"..",
        b"/",
        b"/etc/PASSWD",
        b"\\ETC\\passwd",
    ],
)
@pytest.mark.parametrize("remap", [{}, {"*": "*"}, {"boot*": "Boot*", "/etc/*": "Boot/*"}])
def test_T40_any_case_and_remap_lead_nowhere(
    tree: Root, name: bytes, remap: dict[str, str]
) -> None:
    with pytest.raises((FileForbidden, FileNotFound, MalformedPacket)):
        opened_path(tree, name, remap=remap)


def test_T40_what_a_star_stands_for_does_not_leave_the_root(tree: Root) -> None:
    with pytest.raises(FileForbidden):
        opened_path(tree, b"a../secret", remap={"a*": "*"})
    with pytest.raises(FileForbidden):
        opened_path(tree, b"A..\\..\\secret", remap={"a*": "Boot/*"})


def test_links_that_lead_in_circles_end_the_search(tmp_path: Path) -> None:
    for name in ("a", "A"):
        (tmp_path / name).symlink_to(".")
    with Root(str(tmp_path)) as root, pytest.raises(FileNotFound, match="more than one") as caught:
        opened_path(root, b"/".join([b"a"] * 30) + b"/x")
    assert str(caught.value).count("/") < 3 * MOST_SPELLINGS


def test_a_clash_is_told_to_the_operator_and_not_to_the_client(served: Served) -> None:
    served.use(ignore_case=True)
    served.file("A", b"1")
    served.file("a", b"2")
    served.file("B", b"3")
    assert fetch(served.address, "\\b").data == b"3"
    assert served.done().file == "B"
    assert fetch(served.address, "a").data == b"2"
    served.done()
    (served.folder / "a").rename(served.folder / "aa")
    (served.folder / "Aa").write_bytes(b"4")
    with pytest.raises(Refused) as caught:
        fetch(served.address, "AA")
    assert (caught.value.error.code, caught.value.error.text) == (
        TftpError.NOT_FOUND,
        "File not found",
    )
    assert served.refused().why == "more than one in upper and lower case: Aa, aa"


# --- remap -------------------------------------------------------------------------------------


def test_a_name_is_replaced_in_whatever_spelling(root: Root) -> None:
    remap = {"old/name.efi": "new/name.efi", "pxelinux.cfg/*": "menus/*"}
    assert path_of(root, b"\\old\\name.efi", remap=remap) == b"new/name.efi"
    assert path_of(root, b"//pxelinux.cfg/default", remap=remap) == b"menus/default"
    assert path_of(root, b"OLD/name.efi", remap=remap) == b"OLD/name.efi"
    assert path_of(root, b"OLD/name.efi", remap=remap, lowercase=True) == b"new/name.efi"
    assert path_of(root, b"OLD/name.efi", remap=remap, ignore_case=True) == b"new/name.efi"
    upper = {"Old/Name.efi": "New/Name.efi"}
    assert path_of(root, b"OLD/name.efi", remap=upper, lowercase=True) == b"New/Name.efi"


def test_a_new_name_is_one_in_the_client_s_folder(root: Root) -> None:
    own = {"remap": {"*": "b/*"}, "unique_root": "ip"}
    assert path_of(root, b"a", "10.0.0.5", **own) == b"10.0.0.5/b/a"


def test_a_new_name_is_looked_for_in_any_case(tree: Root) -> None:
    assert opened_path(tree, b"bcd", remap={"*": "BOOT/*"}) == b"Boot/BCD"


def test_a_served_file_is_told_by_its_new_name(served: Served) -> None:
    served.use(remap={"a": "b", "out": "link"})
    served.file("a", b"1")
    served.file("b", b"2")
    assert fetch(served.address, "a").data == b"2"
    assert served.done().file == "b"
    (served.folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(Refused) as caught:
        fetch(served.address, "out")
    assert caught.value.error.code == TftpError.ACCESS_VIOLATION


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


@pytest.mark.gate
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
