"""The roots of the interfaces: which is whose, what is missing, and what is not made up."""

import logging
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from fastpxe.errors import FileForbidden, FileNotFound, StartError
from fastpxe.serve.files.resolve import Files
from fastpxe.serve.files.roots import Roots
from fastpxe.tftp.packets import TftpClient, TftpSettings


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two roots, each with a file `a` that says whose it is."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    return tmp_path


def content(files: Files, path: bytes = b"a") -> bytes:
    with files.open(path) as file:
        return file.read(0, 100)


def test_an_interface_has_its_own_root_or_that_of_all(folders: Path) -> None:
    settings = TftpSettings(root=f"{folders}/one", roots={"eth1": f"{folders}/two"})
    with Roots(settings, ["eth0", "eth1", "eth2"]) as roots:
        assert [content(roots[name]) for name in ("eth0", "eth1", "eth2")] == [
            b"one",
            b"two",
            b"one",
        ]
        assert [files.path for files in roots.all()] == [f"{folders}/one", f"{folders}/two"]


def test_without_interfaces_nothing_is_opened() -> None:
    with Roots(TftpSettings(root="/nonexistent"), []) as roots:
        assert roots.all() == []


@pytest.mark.parametrize("dialect", ["fastpxe", "dnsmasq"])
def test_a_missing_root_is_refused(folders: Path, dialect: str) -> None:
    roots = {"eth1": f"{folders}/three"}
    settings = TftpSettings(root=f"{folders}/one", roots=roots, dialect=dialect)  # type: ignore[arg-type]
    with pytest.raises(StartError, match="three: No such file or directory"):
        Roots(settings, ["eth0", "eth1"])


def test_a_file_is_no_root(folders: Path) -> None:
    with pytest.raises(StartError, match="one/a: Not a directory"):
        Roots(TftpSettings(root=f"{folders}/one/a"), ["eth0"])


def test_a_root_that_may_be_missing_is_served_once_it_is_there(
    folders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late = folders / "late"
    with Roots(TftpSettings(root=str(late), no_fail=True), ["eth0"]) as roots:
        assert f"TFTP root {late} is missing" in caplog.text
        files = roots["eth0"]
        with pytest.raises(FileNotFound):
            files.open(b"a")
        with pytest.raises(FileNotFound):
            files.has_folder(b"10.0.0.5")
        with pytest.raises(FileNotFound):
            files.names(b".")
        (late / "10.0.0.5").mkdir(parents=True)
        (late / "a").write_text("late")
        assert content(files) == b"late"
        assert files.has_folder(b"10.0.0.5")
        assert not files.has_folder(b"10.0.0.6")
        assert sorted(files.names(b".")) == [b"10.0.0.5", b"a"]


def test_no_name_leads_out_of_a_root_that_came_late(folders: Path) -> None:
    with Roots(TftpSettings(root=str(folders / "late"), no_fail=True), ["eth0"]) as roots:
        (folders / "late").mkdir()
        (folders / "late" / "link").symlink_to("../one/a")
        with pytest.raises(FileForbidden):
            roots["eth0"].open(b"link")


def test_dnsmasq_s_dialect_has_no_default_root(
    folders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    settings = TftpSettings(roots={"eth1": f"{folders}/one"}, dialect="dnsmasq")
    with Roots(settings, ["eth0", "eth1"]) as roots:
        assert "no tftp-root for eth0" in caplog.text
        with pytest.raises(FileForbidden, match="no tftp-root"):
            roots["eth0"].open(b"etc/passwd")
        assert not roots["eth0"].has_folder(b"etc")
        assert roots["eth0"].names(b"etc") == []
        assert content(roots["eth1"]) == b"one"


def test_the_default_root_is_made_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "fastpxe.serve.files.roots.DEFAULT_ROOT", str(tmp_path / "tftpboot-of-system")
    )
    monkeypatch.chdir(tmp_path)
    with Roots(TftpSettings(), ["eth0"]) as roots:
        (tmp_path / "tftpboot" / "a").write_text("made")
        assert content(roots["eth0"]) == b"made"
        assert f"made {tmp_path}/tftpboot" in caplog.text


def test_the_default_root_is_that_of_the_system(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastpxe.serve.files.roots.DEFAULT_ROOT", str(folders / "one"))
    with Roots(TftpSettings(), ["eth0"]) as roots:
        assert content(roots["eth0"]) == b"one"


# --- roots of clients --------------------------------------------------------------------------


def client(root: Path | None, subnet: str = "10.1.0.0/16") -> TftpClient:
    return TftpClient(subnet=IPv4Network(subnet), root=str(root) if root else None, max_blksize=512)


def test_the_roots_of_clients_are_opened_once(folders: Path) -> None:
    clients = (
        client(folders / "two"),
        client(folders / "two"),
        client(None),
        client(folders / "one"),
    )
    settings = TftpSettings(root=f"{folders}/one", client=clients)
    with Roots(settings, iter(["eth0"])) as roots:
        assert [files.path for files in roots.all()] == [f"{folders}/one", f"{folders}/two"]
        assert content(roots.of_clients[f"{folders}/two"]) == b"two"
        assert roots.of_clients[f"{folders}/one"] is roots["eth0"]
        assert roots.of_interfaces() == [roots["eth0"]]


def test_a_client_s_missing_root_is_refused(folders: Path) -> None:
    settings = TftpSettings(root=f"{folders}/one", client=(client(folders / "three"),))
    open_before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(
        StartError, match=r"No such file or directory; set \[\[tftp\.client\]\] root"
    ):
        Roots(settings, ["eth0"])
    assert set(Path("/proc/self/fd").iterdir()) == open_before
    assert Roots(settings, []).of_clients == {}


def test_a_client_s_root_may_come_late(folders: Path) -> None:
    late = folders / "late"
    settings = TftpSettings(root=f"{folders}/one", client=(client(late),), no_fail=True)
    with Roots(settings, ["eth0"]) as roots:
        with pytest.raises(FileNotFound, match="the root is missing"):
            roots.of_clients[str(late)].open(b"a")
        late.mkdir()
        (late / "a").write_text("late")
        assert content(roots.of_clients[str(late)]) == b"late"
