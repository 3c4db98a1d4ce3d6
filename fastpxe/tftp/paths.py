"""File names as firmware spells them, turned into one safe relative path.

Sources:
  RFC 1350 section 5 (the name is a NUL-terminated string), and what clients send: backslashes
  (Windows boot manager), "//x" (GRUB), "/x" (shim), no leading slash (iPXE, EDK2).
"""

from collections.abc import Mapping

from fastpxe.errors import FileForbidden, FileRefused, MalformedPacket

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


class Renaming:
    """Paths that stand for others: whole ones first, then those that end in `*`, longest first.

    `names` is as of read_renaming, whose ValueError it raises. With `ignore_case` an old path
    means every spelling of it, ASCII letters only.
    """

    def __init__(self, names: Mapping[str, str], *, ignore_case: bool = False) -> None:
        self._ignores_case = ignore_case
        self._whole: dict[bytes, bytes] = {}
        self._beginnings: list[tuple[bytes, bytes]] = []
        for old, new in (read_renaming(*pair) for pair in names.items()):
            spelled = self._spelled(old)
            if spelled.endswith(b"*"):
                self._beginnings.append((spelled[:-1], new))
            else:
                self._whole[spelled] = new
        self._beginnings.sort(key=lambda pair: len(pair[0]), reverse=True)

    def __call__(self, path: bytes) -> bytes:
        """Return the path that a normalised one stands for, or that one.

        Raises as relative_path, for what a `*` stood for may make it leave: `a*` and `a../x`.
        """
        spelled = self._spelled(path)
        if spelled in self._whole:
            return self._whole[spelled]
        for beginning, new in self._beginnings:
            if spelled.startswith(beginning):
                return relative_path(new.replace(b"*", path[len(beginning) :]))
        return path

    def _spelled(self, path: bytes) -> bytes:
        return path.lower() if self._ignores_case else path


def read_renaming(old: str, new: str) -> tuple[bytes, bytes]:
    """Return two names of a configuration as normalised paths, a `*` left as it is.

    `old` may end in `*`; then `new` may have one `*`, which gets what the other stood for.
    Raises ValueError, which says what to write instead.
    """
    if "*" in old[:-1]:
        raise ValueError(f'{old!r}: a * stands at the end only, as in "pxelinux.cfg/*"')
    if new.count("*") > old.count("*"):
        raise ValueError(f"{new!r}: no more than one *, and only where the requested name has one")
    if new.startswith(("/", "\\")):
        raise ValueError(f"{new!r}: write the path from the root on, without a slash in front")
    return _path_of(old), _path_of(new)


def _path_of(text: str) -> bytes:
    try:
        return relative_path(text.encode())
    except (FileRefused, MalformedPacket) as error:
        raise ValueError(f'{text!r}: {error}; write a path below the root: "a/b.efi"') from None
