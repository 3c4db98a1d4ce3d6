"""dnsmasq's tftp directives as settings, and its reading of names, as functions."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpxe.dhcp.constants import TftpError
from fastpxe.dnsmasq.engine.tftp import error_code, notices, path_below, tftp_settings
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Location, Tftp, TftpRoot
from fastpxe.errors import FileForbidden, FileRefused
from fastpxe.tftp.packets import TftpSettings, default_max_blksize


def root(path: str, interface: str | None = None) -> TftpRoot:
    where = Location("dnsmasq.conf", 7)
    return TftpRoot(where=where, text=f"tftp-root={path}", path=path, interface=interface)


def settings(tftp: Tftp) -> TftpSettings:
    return tftp_settings(DnsmasqConfig(tftp=tftp))


def told(tftp: Tftp) -> list[str]:
    return notices(DnsmasqConfig(tftp=tftp))


# --- settings ----------------------------------------------------------------------------------


def test_nothing_is_served_unless_it_is_enabled() -> None:
    assert not settings(Tftp(roots=(root("/srv"),))).enabled
    assert settings(Tftp(enabled=True)).enabled


def test_of_common_roots_the_last_counts() -> None:
    found = settings(Tftp(roots=(root("/one"), root("/two"), root("/three", "eth0"))))
    assert (found.root, found.roots) == ("/two", {"eth0": "/three"})


def test_of_an_interface_s_roots_the_first_counts() -> None:
    found = settings(Tftp(roots=(root("/one", "eth0"), root("/two", "eth0"))))
    assert (found.root, found.roots) == (None, {"eth0": "/one"})


def test_a_root_begins_at_the_root_of_the_machine() -> None:
    found = settings(Tftp(roots=(root("srv/tftp"), root("lab/", "eth0"))))
    assert (found.root, found.roots) == ("/srv/tftp", {"eth0": "/lab/"})


@pytest.mark.parametrize(
    ("mtu", "largest"),
    [
        (None, 2263),  # what its packet buffer leaves
        (9000, 2263),
        (1500, 1468),
        (1000, 968),
        (40, 8),
        (32, 8),
        (31, 2263),
        (0, 2263),
    ],
)
def test_the_largest_block_where_frames_are_jumbo(mtu: int | None, largest: int) -> None:
    found = settings(Tftp(mtu=mtu)).mtu
    assert found is not None
    assert default_max_blksize(min(9000, found)) == largest


@pytest.mark.parametrize(
    ("given_range", "taken"), [((5, 9), (5, 9)), ((9, 5), (5, 9)), (None, "shared")]
)
def test_a_port_range_may_be_written_either_way(
    given_range: tuple[int, int] | None, taken: tuple[int, int] | str
) -> None:
    assert settings(Tftp(port_range=given_range)).ports == taken


def test_a_single_port_makes_a_range_idle() -> None:
    assert settings(Tftp(port_range=(5, 9), single_port=True)).ports == "single"


def test_tftp_max_counts_for_all_clients_together() -> None:
    found = settings(Tftp(max_transfers=2))
    assert (found.max_transfers, found.max_transfers_per_client) == (2, 2)


def test_the_default_of_50_stalls_nobody() -> None:
    found = settings(Tftp())
    assert found.max_transfers == TftpSettings().max_transfers
    assert found.max_transfers_per_client == 50


def test_switches_are_handed_on() -> None:
    found = settings(
        Tftp(lowercase=True, secure=True, no_fail=True, no_blocksize=True, interfaces=("br*",))
    )
    assert found.lowercase
    assert found.secure
    assert found.no_fail
    assert not found.allow_blksize
    assert found.interfaces == ("br*",)


@pytest.mark.parametrize("kind", ["ip", "mac", None])
def test_the_kind_of_a_client_s_folder(kind: str | None) -> None:
    assert settings(Tftp(unique_root=kind)).unique_root == kind


def test_root_serves_what_everybody_may_read() -> None:
    found = settings(Tftp())
    assert (found.world_readable, found.dialect) == (True, "dnsmasq")


# --- notices -----------------------------------------------------------------------------------


def test_a_root_that_is_not_enabled_is_told_with_its_line() -> None:
    (notice,) = told(Tftp(roots=(root("/srv"),)))
    assert notice.startswith("dnsmasq.conf:7: tftp-root serves no file without enable-tftp")


def test_serving_the_whole_machine_is_refused_loudly() -> None:
    (notice,) = told(Tftp(enabled=True))
    assert "add tftp-root=" in notice


@pytest.mark.parametrize("tftp", [Tftp(), Tftp(enabled=True, roots=(root("/srv"),))])
def test_otherwise_there_is_nothing_to_tell(tftp: Tftp) -> None:
    assert told(tftp) == []


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"a", b"a"),
        (b"/a", b"a"),
        (b"//a", b"a"),
        (b"\\a\\b", b"a/b"),
        (b"./a//b/./c", b"a/b/c"),
        (b"/srv/tftp/a", b"a"),
        (b"/srv/tftp//a", b"a"),
        (b"\\srv\\tftp\\a", b"a"),
        (b"/srv/tftp", b"srv/tftp"),
        (b"/srv/tftpx/a", b"srv/tftpx/a"),
        (b"/SRV/tftp/a", b"SRV/tftp/a"),
        (b"srv/tftp/a", b"srv/tftp/a"),
        (b"//srv/tftp/a", b"srv/tftp/a"),
        (b"C:/a", b"C:/a"),
        (b"a\x01b", b"a\x01b"),
        (b"..a", b"..a"),
        (b"a/", b"a/."),  # what only a folder has
        (b"a/.", b"a/."),
    ],
)
def test_a_name_is_a_path_below_the_root(name: bytes, path: bytes) -> None:
    assert path_below(name, b"/srv/tftp", lowercase=False) == path
    assert path_below(name, b"/srv/tftp/", lowercase=False) == path


def test_names_are_lowered_before_the_root_is_looked_for() -> None:
    assert path_below(b"/SRV/tftp/A", b"/srv/tftp", lowercase=True) == b"a"
    assert path_below(b"/srv/TFTP/A", b"/srv/TFTP", lowercase=True) == b"srv/tftp/a"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"../a", TftpError.ACCESS_VIOLATION),
        (b"/../a", TftpError.ACCESS_VIOLATION),
        (b"a\\..\\b", TftpError.ACCESS_VIOLATION),
        (b"/srv/tftp/../a", TftpError.ACCESS_VIOLATION),
        (b"..", TftpError.UNDEFINED),
        (b"a/..", TftpError.UNDEFINED),
        (b"/", TftpError.UNDEFINED),
        (b"/srv/tftp/", TftpError.UNDEFINED),
        (b".", TftpError.UNDEFINED),
    ],
)
def test_names_that_lead_up_or_to_the_root_are_refused(name: bytes, code: TftpError) -> None:
    with pytest.raises(FileForbidden) as caught:
        path_below(name, b"/srv/tftp", lowercase=False)
    assert error_code(caught.value) == code


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"..", b".", b"/", b"\\", b"a", b"/srv/tftp/"])).map(b"".join)
)
def test_a_path_is_relative_and_leads_down(name: bytes) -> None:
    try:
        path = path_below(name, b"/srv/tftp", lowercase=False)
    except FileForbidden:
        return
    *folders, last = path.split(b"/")
    assert not {b"", b".", b".."}.intersection(folders)
    assert last not in {b"", b".."}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, TftpError.NOT_FOUND),
        (errno.EACCES, TftpError.ACCESS_VIOLATION),
        (errno.EXDEV, TftpError.ACCESS_VIOLATION),
        (errno.EISDIR, TftpError.UNDEFINED),
        (errno.ENOTDIR, TftpError.UNDEFINED),
        (errno.ENAMETOOLONG, TftpError.UNDEFINED),
        (errno.ELOOP, TftpError.UNDEFINED),
    ],
)
def test_the_number_of_an_error_is_as_of_open(number: int, code: TftpError) -> None:
    assert error_code(FileRefused("", number)) == code
