"""TFTP requests with names that want to leave the root, in every way that a root can be served.

example: .venv/bin/python fuzz/fuzz_names.py --seconds 60
"""

import atexit
import shutil
import tempfile
from pathlib import Path

from fuzzing import run

from fastpxe.errors import FileRefused, MalformedPacket
from fastpxe.serve.files.resolve import open_requested
from fastpxe.serve.files.root import Root
from fastpxe.tftp.packets import Rrq, TftpSettings, negotiate, parse

INSIDE, OUTSIDE = b"inside", b"outside"
WAYS = [
    TftpSettings(),
    TftpSettings(ignore_case=True, remap={"old*": "folder/*", "x": "a"}),
    TftpSettings(lowercase=True, unique_root="ip"),
    TftpSettings(dialect="dnsmasq", lowercase=True),
]
TOKENS = (
    b"..", b"../", b"..\\", b"/", b"\\", b"//", b".", b"C:", b"c:\\", b"\0", b"\n", b"out",
    b"away/", b"folder", b"old", b"%2e%2e", b"\xc0\xae", b"a", b"A", b"octet", b"blksize",
    b"1468", b"-1", b"tsize", b"127.0.0.1",
)  # fmt: skip


def tree() -> Path:
    """A root with links that lead out of it, and something beside it; gone when this ends."""
    top = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, top)
    root = top / "root"
    (root / "folder").mkdir(parents=True)
    (root / "127.0.0.1").mkdir()
    for path in ("a", "folder/a", "127.0.0.1/a", "A.efi"):
        (root / path).write_bytes(INSIDE)
    (top / "secret").write_bytes(OUTSIDE)
    (root / "out").symlink_to("../secret")
    (root / "away").symlink_to("..")
    return root


ROOT = Root(str(tree()))


def seeds() -> list[bytes]:
    names = (b"a", b"/a", b"\\folder\\a", b"C:\\A.EFI", b"../secret", b"out", b"away/secret")
    whole = [b"\0\1" + name + b"\0octet\0blksize\x001468\0tsize\x000\0" for name in names]
    return [*whole, ROOT.path.encode().join((b"\0\1", b"/../secret\0octet\0"))]


def check(data: bytes) -> None:
    try:
        request = parse(data)
    except MalformedPacket:
        return
    if not isinstance(request, Rrq):
        return
    terms = negotiate(request.options, max_blksize=1468, max_windowsize=16, size_bytes=6)
    assert 8 <= terms.blksize <= 1468
    assert 1 <= terms.windowsize <= 16
    for settings in WAYS:
        try:
            _, file = open_requested(
                ROOT, settings, request.filename, client="127.0.0.1", interface="lo"
            )
        except (MalformedPacket, FileRefused):
            continue
        with file:
            assert b"".join(file.pieces()) == INSIDE


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
