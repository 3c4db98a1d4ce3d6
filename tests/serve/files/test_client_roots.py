"""[[tftp.client]]: who gets files from which root, and with which limits."""
# ruff: noqa: N802 - T40 and the like are the numbers of the protocol statements

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from served import LOOPBACK, Served
from tftp_client import Client

from fastpxe.dhcp.constants import TftpError
from fastpxe.serve.files.client_roots import Share, Shares
from fastpxe.serve.files.root import Root
from fastpxe.serve.files.roots import Roots
from fastpxe.serve.tftp.server import TftpServer
from fastpxe.tftp.packets import Data, Error, Oack, TftpClient, TftpSettings


def client_table(subnet: str, **limits: str | int) -> TftpClient:
    return TftpClient(subnet=IPv4Network(subnet), **limits)  # type: ignore[arg-type]  # of each kind


# --- which share -------------------------------------------------------------------------------


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[dict[str, Root]]:
    with Root(str(tmp_path)) as usual, Root(str(tmp_path)) as lab:
        yield {"usual": usual, "lab": lab}


def share_of(roots: dict[str, Root], address: str, *tables: TftpClient, **settings: int) -> Share:
    shares = Shares(TftpSettings(client=tables, **settings), roots["usual"], roots)  # type: ignore[arg-type]
    return shares.of(int(IPv4Address(address)))


def test_the_first_table_with_the_subnet_counts(roots: dict[str, Root]) -> None:
    tables = (
        client_table("10.1.2.0/24", max_windowsize=1),
        client_table("10.1.0.0/16", max_windowsize=2),
        client_table("10.1.2.0/25", max_windowsize=3),
        client_table("10.9.9.9", max_windowsize=4),
        client_table("0.0.0.0/0", max_windowsize=5),
    )
    found = {
        address: share_of(roots, address, *tables).max_windowsize
        for address in (
            "10.1.2.0", "10.1.2.1", "10.1.2.255", "10.1.3.0", "10.2.0.0", "10.9.9.9", "10.9.9.8",
            "255.255.255.255",
        )
    }  # fmt: skip
    assert list(found.values()) == [1, 1, 1, 2, 5, 4, 5, 5]


def test_what_a_table_leaves_out_is_as_for_all(roots: dict[str, Root]) -> None:
    tables = (
        client_table("10.1.0.0/16", root="lab"),
        client_table("10.2.0.0/16", max_blksize=65464),
        client_table("10.3.0.0/16", max_windowsize=64),
    )
    usual, lab = roots["usual"], roots["lab"]
    limits = {"max_blksize": 1024, "max_windowsize": 4}
    found = [share_of(roots, f"10.{n}.0.1", *tables, **limits) for n in range(5)]
    assert found == [
        Share(usual, 1024, 4),
        Share(lab, 1024, 4),
        Share(usual, 65464, 4),
        Share(usual, 1024, 64),
        Share(usual, 1024, 4),
    ]
    assert share_of(roots, "10.1.0.1", *tables) == Share(lab, None, 16)


# --- as it is served ---------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder beside the root, with a file of a name that the root has too, and one of its own."""
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "a").write_bytes(b"of the lab")
    (folder / "Own").write_bytes(b"own")
    return folder


Serve = Callable[..., None]


@pytest.fixture
def serve(served: Served) -> Iterator[Serve]:
    """Have the requests answered with these settings, and the roots that they name."""
    opened: list[Roots] = []

    def use(**settings: object) -> None:
        chosen = TftpSettings(root=str(served.folder), **settings)  # type: ignore[arg-type]
        opened.append(Roots(chosen, ["lo"]))

        def replace() -> None:
            served.server.retire()
            served.retired.append(served.server)
            files, others = opened[-1]["lo"], opened[-1].of_clients
            served.server = TftpServer(
                served.loop, LOOPBACK, chosen, files, served.events.put, roots=others
            )
            served.server.listen(served.sock)

        served.run(replace)

    yield use
    for roots in opened:
        roots.close()


def ask(served: Served, local: str, name: str | bytes, **options: int) -> Data | Oack | Error:
    """Return the first answer to a client of an address."""
    with Client(served.address, local=(local, 0)) as client:
        client.request(name, **options)
        answer = client.receive()
        client.send(Error(code=0, text="enough"))
    assert isinstance(answer, Data | Oack | Error)
    return answer


def data(answer: Data | Oack | Error) -> bytes:
    assert isinstance(answer, Data), answer
    return answer.payload


def code(answer: Data | Oack | Error) -> int:
    assert isinstance(answer, Error), answer
    return answer.code


def test_a_subnet_gets_files_from_its_root_alone(served: Served, serve: Serve, lab: Path) -> None:
    served.file("a", b"of all")
    served.file("b", b"of all")
    serve(client=(client_table("127.1.0.0/16", root=str(lab)),))
    assert data(ask(served, "127.0.0.1", "a")) == b"of all"
    assert data(ask(served, "127.1.0.5", "a")) == b"of the lab"
    assert data(ask(served, "127.2.0.5", "a")) == b"of all"
    assert code(ask(served, "127.1.0.5", "b")) == TftpError.NOT_FOUND
    assert code(ask(served, "127.0.0.1", "Own")) == TftpError.NOT_FOUND


def test_the_same_words_are_granted_to_each_by_its_limits(served: Served, serve: Serve) -> None:
    served.file("a", b"x" * 5000)
    serve(
        max_blksize=1200,
        client=(
            client_table("127.1.0.0/16", max_blksize=600),
            client_table("127.2.0.0/16", max_windowsize=2),
            client_table("127.3.0.0/16", max_blksize=1408, max_windowsize=1),
        ),
    )
    granted = {
        "127.0.0.1": {"blksize": "1200", "windowsize": "8"},
        "127.1.0.1": {"blksize": "600", "windowsize": "8"},
        "127.2.0.1": {"blksize": "1200", "windowsize": "2"},
        "127.3.0.1": {"blksize": "1408", "windowsize": "1"},
    }
    for _ in range(2):  # the second time from what is remembered
        for address, options in granted.items():
            assert ask(served, address, "a", blksize=1408, windowsize=8) == Oack(options=options)


def test_names_mean_the_same_in_every_root(served: Served, serve: Serve, lab: Path) -> None:
    (served.folder / "127.1.0.5").mkdir()
    (lab / "127.1.0.6").mkdir()
    (lab / "127.1.0.6" / "OWN").write_bytes(b"of one machine")
    serve(
        ignore_case=True,
        unique_root="ip",
        remap={"theirs/*": "*"},
        client=(client_table("127.1.0.0/16", root=str(lab)),),
    )
    assert data(ask(served, "127.1.0.5", "own")) == b"own"  # the folder in the other root isn't its
    assert data(ask(served, "127.1.0.5", "Theirs\\OWN")) == b"own"
    assert data(ask(served, "127.1.0.6", "theirs/own")) == b"of one machine"
    assert code(ask(served, "127.1.0.6", "a")) == TftpError.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (b"../root/a", TftpError.ACCESS_VIOLATION),
        (b"..\\ROOT\\a", TftpError.ACCESS_VIOLATION),
        (b"c:\\..\\root\\a", TftpError.ACCESS_VIOLATION),
        (b"x../root/a", TftpError.ACCESS_VIOLATION),  # the new name is ../root/a
        (b"link", TftpError.ACCESS_VIOLATION),
        (b"LINK", TftpError.ACCESS_VIOLATION),
        (b"folder/a", TftpError.ACCESS_VIOLATION),
        (b"FOLDER/A", TftpError.ACCESS_VIOLATION),
        (b"/etc/passwd", TftpError.NOT_FOUND),
        (b"a\x01", TftpError.ILLEGAL_OPERATION),
    ],
)
def test_T40_no_name_leads_from_one_root_to_another(
    served: Served, serve: Serve, lab: Path, name: bytes, number: TftpError
) -> None:
    served.file("a", b"of all")
    (lab / "link").symlink_to(served.folder / "a")
    (lab / "folder").symlink_to(served.folder)
    serve(
        ignore_case=True,
        remap={"x*": "*"},
        client=(client_table("127.1.0.0/16", root=str(lab)),),
    )
    assert code(ask(served, "127.1.0.5", name)) == number


def test_T40_a_name_ends_at_its_first_nul(served: Served, serve: Serve, lab: Path) -> None:
    serve(ignore_case=True, client=(client_table("127.1.0.0/16", root=str(lab)),))
    with Client(served.address, local=("127.1.0.5", 0)) as client:
        client.send(b"\0\x01A\0octet\0../../secret\0")
        assert client.receive() == Data(block=1, payload=b"of the lab")
        client.send(Error(code=0, text="enough"))
