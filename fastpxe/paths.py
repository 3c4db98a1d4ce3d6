"""File names as firmware spells them, turned into one safe relative path.

Sources:
  RFC 1350 section 5 (the name is a NUL-terminated string), and what clients send: backslashes
  (Windows boot manager), "//x" (GRUB), "/x" (shim), no leading slash (iPXE, EDK2).
"""

from fastpxe.errors import FileForbidden, MalformedPacket

MAX_NAME = 255
"""The longest name accepted, in bytes; longer than any boot file, as long as NAME_MAX."""


def relative_path(name: bytes) -> bytes:
    r"""Return the path below the root that a requested name means.

    `\` counts as `/`; a drive letter, leading slashes, empty and `.` components are dropped.
    The bytes are otherwise kept: no percent decoding, no character set, no change of case.

    Raises MalformedPacket for a name that is empty, longer than MAX_NAME or has control bytes
    (TFTP ERROR 4), FileForbidden for one with a `..` component or with no component left
    (TFTP ERROR 2).
    """
    if not 0 < len(name) <= MAX_NAME:
        raise MalformedPacket("filename", f"a file name of {len(name)} bytes")
    if any(byte < 0x20 or byte == 0x7F for byte in name):
        raise MalformedPacket("filename", "control bytes in the file name")
    spelled = name.replace(b"\\", b"/")
    if spelled[1:2] == b":" and spelled[:1].isalpha():
        spelled = spelled[2:]
    components = [part for part in spelled.split(b"/") if part not in (b"", b".")]
    if b".." in components:
        raise FileForbidden("the name leaves the root")
    if not components:
        raise FileForbidden("the name is that of the root itself")
    return b"/".join(components)


def printable(name: bytes) -> str:
    """Return a name as text for a log line: UTF-8 where it is, escapes for everything else."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
