"""dnsmasq and fastpxe, one after the other, with the same files, configuration and requests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tftp_rig import CLIENT, SERVER, Outcome, Rig, make_tree

from fastpxe.tftp.packets import Rrq

pytestmark = pytest.mark.netns

OTHER_CLIENT, OTHER_SERVER = "10.88.0.2", "10.88.9.1"
BLOCKS = 3  # replies looked at


class Case(NamedTuple):
    """Lines of a configuration, names to ask for, and from whom. {t} is the folder of the files."""

    conf: str
    names: tuple[str, ...]
    source: str = CLIENT
    server: str = SERVER
    blksize: int | None = None
    user: str = "root"

    def on_dqs1(self) -> "Case":
        return self._replace(source="10.88.9.50", server=OTHER_SERVER)


ROOT = "tftp-root={t}/tftp"
SPELLINGS = (
    *("f1", "/f1", "//f1", "./f1", "dir//sub/./x.bin", "f1/", "f1/.", "f1/x", "nope/", "dir/"),
    *("..", "../tftp/f1", "dir/..", "dir/../f1", "dir/../../outside.txt", "..f1", "f1\\..\\f1"),
    *("{t}/tftp/f1", "{t}/tftp//f1", "{t}/tftp", "{t}/tftp/", "{t}/tftpx", "{t}/f1"),
    *("/{t}/tftp/f1", "tftp/f1", "loop", "dangling", "link-in", "link-abs", "C:/f1", "C:\\f1"),
    *("n" * 255, "n" * 256, "f\x01", "dir/" + "./" * 150 + "sub/x.bin", "a" * 99 + "/" + "b" * 299),
)
SECRETS = ("f1", "private", "groupread", "nobody-owned", "dark/f1")
TWO = "tftp-root={t}/tftp/iface,dqs0\ntftp-root={t}/tftp,dqs0\ntftp-root={t}/tftp/dir/sub"
MISSING = "tftp-root={t}/nosuch,dqs0\ntftp-no-fail\n" + ROOT
UNIQUE_NAMES = ("f1", "f513", "{t}/tftp/f1", "{t}/tftp/10.88.0.50/f1", "/10.88.0.50/f1")

CASES = [
    Case(ROOT, SPELLINGS),
    Case(f"{ROOT}/", SPELLINGS),
    Case(f"{ROOT}\ntftp-lowercase", ("LOWER.TXT", "{T}/TFTP/F1", "Upper.TXT")),
    Case(ROOT, SECRETS),
    Case(ROOT, SECRETS, user="nobody"),
    Case(f"{ROOT}\ntftp-secure", SECRETS),
    Case(f"{ROOT}\ntftp-secure", SECRETS, user="nobody"),
    Case(f"tftp-root={{t}}/tftp/dir\n{ROOT}", ("f1",)),
    Case(TWO, ("only-if", "f1", "x.bin")),
    Case(TWO, ("only-if", "f1", "x.bin")).on_dqs1(),
    Case(MISSING, ("f1",)),
    Case(MISSING, ("f1",)).on_dqs1(),
    Case(f"{ROOT}\ntftp-unique-root", UNIQUE_NAMES),
    Case(f"{ROOT}\ntftp-unique-root=ip", UNIQUE_NAMES, source=OTHER_CLIENT),
    Case(f"{ROOT}\ntftp-unique-root=mac", ("f1", "macfile", "/52-54-00-12-34-56/macfile")),
    Case(f"{ROOT}\ntftp-unique-root=mac", ("f1", "macfile")).on_dqs1(),
    *(
        Case(f"{ROOT}\n{extra}", ("f3000",), blksize=blksize)
        for extra in ("", "tftp-mtu=9000", "tftp-mtu=576", "tftp-no-blocksize")
        for blksize in (1024, 9000)
    ),
    *(
        Case(f"{ROOT}\n{extra}", ("f3000",), blksize=9000).on_dqs1()
        for extra in ("", "tftp-mtu=9000", "tftp-mtu=4000", "tftp-mtu=1400")
    ),
    Case(f"{ROOT}\nenable-tftp=dqs1\nbind-interfaces", ("f1",)),  # the other port is closed
    Case(f"{ROOT}\nenable-tftp=dqs1", ("f1",)).on_dqs1(),
    Case(f"{ROOT}\nenable-tftp=eth*,dqs*", ("f1",)),
    Case(f"{ROOT}\ntftp-single-port", ("f1", "f3000", "nope", "dir")),
    Case(f"{ROOT}\ntftp-port-range=40001,40000", ("f1", "f3000", "nope")),
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name.lower())  # for tftp-lowercase
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)  # for servers that are not root
        make_tree(folder)
        make_more(folder / "tftp")
        rig = Rig(folder)
        yield rig
        rig.close()
        shutil.rmtree(folder)


def make_more(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    (root / "link-abs").symlink_to(root / "f513")
    for folder, mode in (("C:", 0o755), ("dark", 0o700)):
        (root / folder).mkdir(mode=mode)
        (root / folder / "f1").write_bytes(folder.encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.conf))
def test_fastpxe_answers_as_dnsmasq_does(rig: Rig, case: Case) -> None:
    enabled = "" if "enable-tftp" in case.conf else "enable-tftp\n"
    conf = "port=0\n" + enabled + case.conf.format(t=rig.folder) + "\n"
    with rig.dnsmasq(conf, case.user) as process:
        assert process.is_running(), process.output()
        expected = outcomes(rig, case)
    with rig.fastpxe(conf, case.user) as process:
        assert process.is_running(), process.output()
        assert outcomes(rig, case) == expected


def outcomes(rig: Rig, case: Case) -> dict[str, tuple[Outcome, bytes]]:
    """What each name leads to, and how the file begins."""
    options = {"blksize": str(case.blksize)} if case.blksize else {}
    found = {}
    for name in case.names:
        spelled = name.format(t=rig.folder, T=str(rig.folder).upper())
        request = bytes(Rrq(filename=spelled.encode(), mode="octet", options=options))
        answer = rig.ask(request, BLOCKS, source=case.source, server=case.server)
        found[name] = answer.outcome, answer.start
    return found
