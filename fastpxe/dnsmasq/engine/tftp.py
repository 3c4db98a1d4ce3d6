"""dnsmasq's TFTP: its directives as settings, its reading of file names, its error numbers.

Source: dnsmasq 2.90 as it behaves on the wire. Where fastpxe does otherwise on purpose:

  no tftp-root         every request gets ERROR 2; dnsmasq serves every file of the machine
  symlinks             none is followed out of the root; there it is ERROR 2
  ERROR texts          are those of RFC 1350 and hold no path of this machine
  port of an ERROR     69, for a refusal needs no transfer; dnsmasq takes a fresh port
  DATA, ACK, ... to 69 dropped, for an answer could loop; dnsmasq: ERROR 4
  blksize              under 8 or no plain number: left out of the OACK (RFC 2348), 512 then
  tftp-mtu under 32    is ignored; dnsmasq then sends fragments
  CR in netascii       becomes CR NUL (RFC 764); dnsmasq sends it alone
  windowsize, timeout  are granted (dnsmasq since 2.92), tsize only where it is a number
  a repeated request   is answered from the same port; dnsmasq begins another transfer
  tftp-max             N is for each interface and worker, not N + 1 for all; a request beyond is
                       dropped and told, not kept waiting; 50, the default, becomes fastpxe's own,
                       and 50 for each client
  port of a transfer   one port for all, with neither tftp-port-range nor tftp-single-port
  netascii             of files over 16 MiB: ERROR 2
  tftp-port-range      the next port each time, not the lowest free one
  devices and FIFOs    are not opened: ERROR 2
  edns-packet-max      doesn't change the largest block
  SIGHUP               reads the whole configuration again; with tftp-single-port, transfers that
                       are under way end with an ERROR
"""

import errno
import posixpath
from typing import Literal

from fastpxe.dhcp.constants import TftpError
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig, Tftp
from fastpxe.errors import FileForbidden, FileRefused
from fastpxe.tftp.packets import OVERHEAD, TftpSettings

LARGEST_BLOCK = 2263
"""dnsmasq's packet buffer with the default edns-packet-max, less the TFTP header."""

NO_ROOT = (
    "enable-tftp without tftp-root: dnsmasq serves every file of this machine that everybody may "
    "read; fastpxe refuses every request; add tftp-root=/srv/tftp"
)

WRITE_REFUSED = TftpError.ILLEGAL_OPERATION


def tftp_settings(config: DnsmasqConfig) -> TftpSettings:
    """Return the settings by which fastpxe answers as dnsmasq does with this configuration."""
    tftp = config.tftp
    own = TftpSettings()
    is_default_max = tftp.max_transfers == Tftp().max_transfers
    max_transfers = own.max_transfers if is_default_max else tftp.max_transfers
    return TftpSettings(
        dialect="dnsmasq",
        enabled=tftp.enabled,
        interfaces=tftp.interfaces,
        root=_common_root(tftp),
        roots=_roots(tftp),
        no_fail=tftp.no_fail,
        unique_root="mac" if tftp.unique_root == "mac" else "ip" if tftp.unique_root else None,
        lowercase=tftp.lowercase,
        secure=tftp.secure,
        world_readable=True,
        ports=_ports(tftp),
        allow_blksize=not tftp.no_blocksize,
        mtu=_mtu(tftp),
        max_transfers=max_transfers,
        max_transfers_per_client=tftp.max_transfers,
    )


def notices(config: DnsmasqConfig) -> list[str]:
    """Return what the operator should be told at start, loudly."""
    tftp = config.tftp
    if tftp.roots and not tftp.enabled:
        where = tftp.roots[0].where
        return [f"{where}: tftp-root serves no file without enable-tftp, as in dnsmasq; add it"]
    if tftp.enabled and not tftp.roots:
        return [NO_ROOT]
    return []


def _common_root(tftp: Tftp) -> str | None:
    """Of several lines the last counts."""
    paths = [root.path for root in tftp.roots if root.interface is None]
    return _absolute(paths[-1]) if paths else None


def _roots(tftp: Tftp) -> dict[str, str]:
    """Of several lines for one interface the first counts. No name is a wildcard here."""
    return {
        root.interface: _absolute(root.path)
        for root in reversed(tftp.roots)
        if root.interface is not None
    }


def _absolute(path: str) -> str:
    return posixpath.join("/", path)  # dnsmasq works in /


def _ports(tftp: Tftp) -> Literal["single", "shared"] | tuple[int, int]:
    if tftp.single_port:
        return "single"
    if tftp.port_range is None:
        return "shared"
    return min(tftp.port_range), max(tftp.port_range)


def _mtu(tftp: Tftp) -> int:
    """A tftp-mtu that leaves no room for the headers is ignored."""
    largest = LARGEST_BLOCK + OVERHEAD
    return min(tftp.mtu, largest) if tftp.mtu and tftp.mtu >= OVERHEAD else largest


# --- file names ---------------------------------------------------------------------------------


def path_below(name: bytes, prefix: bytes, *, lowercase: bool) -> bytes:
    r"""Return the path below `prefix`, a directory spelled as configured, that a name means.

    `\` counts as `/`. A name that begins with the prefix and `/` is a path of this machine, any
    other begins at the prefix. Raises FileForbidden.
    """
    spelled = name.replace(b"\\", b"/")
    if lowercase:
        spelled = spelled.lower()
    below = spelled
    if spelled.startswith(b"/"):
        below = spelled.removeprefix(prefix.rstrip(b"/") + b"/")
    if b"/../" in b"/" + below:
        raise FileForbidden("the name has a component ..", errno.EACCES)
    components = [part for part in below.split(b"/") if part not in (b"", b".")]
    if not components or components[-1] == b"..":
        raise FileForbidden("the name is that of a directory", errno.EISDIR)
    if below.endswith((b"/", b"/.")):
        components.append(b".")  # only a directory has that, and none is served
    return b"/".join(components)


def error_code(refused: FileRefused) -> TftpError:
    """Return the number of the ERROR for a refused file."""
    match refused.errno:
        case errno.ENOENT:
            return TftpError.NOT_FOUND
        case errno.EACCES | errno.EXDEV:
            return TftpError.ACCESS_VIOLATION
    return TftpError.UNDEFINED
