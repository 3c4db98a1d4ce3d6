"""What the codes mean that firmware prints when a network boot fails, and what to do then.

The same code may come from a BIOS ROM and from UEFI with another meaning; then both stand here. A
number of iPXE's is the kind of error (2 hex digits), the part of iPXE that met it (3), and the
place there, which differs between builds, so that the first five digits are what counts.

Sources: PXE 2.1 and the ROMs of Intel and others that follow it, the messages of EDK2 and iPXE,
and captures of EDK2 2022.11 and iPXE 2019-01 while they failed.
"""

import difflib
import re

import msgspec

from fastpxe.errors import FastpxeError


class Cause(msgspec.Struct, frozen=True):
    """One of the usual causes, and what to do about it."""

    why: str
    remedy: str


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A code. `causes` are in the order of likelihood; `log` is where fastpxe shows it."""

    code: str
    firmware: str
    meaning: str
    causes: tuple[Cause, ...]
    log: str


class UnknownCode(FastpxeError):  # noqa: N818 - what it is
    """A code that isn't in the table; the text names similar ones."""


def explain_code(code: str) -> Code:
    """Look a code up: "PXE-E55", "e55", "2d03e13b", "http://ipxe.org/2d03e13b".

    Raises UnknownCode.
    """
    wanted = _normal(code)
    if wanted in CODES:
        return CODES[wanted]
    if re.fullmatch("[0-9a-f]{8}", wanted):
        found = CODES.get(wanted[:5]) or CODES.get(wanted[:2])
        if found is not None:
            return msgspec.structs.replace(found, code=wanted)
    raise UnknownCode(f"no code {code!r} is known; {_near(wanted)}")


def _normal(code: str) -> str:
    """PXE codes in capitals with their prefix, numbers of iPXE bare."""
    text = code.strip().rstrip(":.)")
    number = re.fullmatch(r"(?:.*/|0x)?([0-9a-f]{8})", text, re.IGNORECASE)
    if number:
        return number[1].lower()
    if re.fullmatch(r"\d\d", text):
        return f"PXE-E{text}"
    short = re.fullmatch(r"(?:PXE[- ]?)?([EMT][0-9A-F]{2})", text, re.IGNORECASE)
    return f"PXE-{short[1].upper()}" if short else text


def _near(wanted: str) -> str:
    """Those of the same group, such as PXE-E5x, else those that look alike."""
    names = [name for name in CODES if name.startswith("PXE-")]
    full = _normal(f"{wanted}0") if len(wanted) == 2 else wanted
    group = [name for name in names if name[:-1] == full[:-1]]
    near = group or difflib.get_close_matches(wanted.upper(), names, n=3, cutoff=0.7)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}"


_BIOS, _UEFI, _BOTH, _IPXE = "BIOS ROM", "UEFI (EDK2)", "BIOS ROM and UEFI", "iPXE"

_NO_PORT_YET = Cause(
    "the switch port doesn't forward yet: spanning tree learns for half a minute",
    "set the port to edge (portfast)",
)
_ON_WIRE = Cause(
    "the network isn't the one that you think: VLAN, relay, or a snooping switch drops offers",
    "run fastpxe doctor on this network, and trust our switch port (dhcp snooping)",
)
_NO_RULE = Cause(
    "fastpxe has no rule for this client", "read its `ignored` line; fastpxe explain says why"
)
_MISSING = Cause(
    "the file isn't under the root, or its name differs in case",
    "put it there, or set ignore_case = true; fastpxe doctor lists missing files",
)
_FIREWALL_69 = Cause(
    "a firewall lets 67 and 4011 through, but not UDP 69 or the port of the transfer",
    'open UDP 69 and set [tftp] ports = "single", or open its range',
)
_FIREWALL_4011 = Cause(
    "a firewall drops UDP 4011, at the server or between", "open UDP 4011 in both directions"
)
_OTHER_PROXY = Cause(
    "another proxyDHCP server answered first", "fastpxe doctor names it; switch one of them off"
)
_DHCP_SAYS_PXE = Cause(
    'the DHCP server itself sends option 60 "PXEClient", so the client asks it for the file',
    "take option 60 out of the DHCP server; fastpxe doctor names the server",
)
_MTU = Cause(
    "blocks are larger than the way to the client allows, and fragments are lost",
    "[tftp] mtu or max_blksize = 1024",
)
_UNREACHABLE = Cause(
    "the client can't reach the address that it was told",
    "see `server=` in its `offer` line; an interface with several addresses tells its first",
)
_TOLD_IPXE = Cause(
    "iPXE got no file from the proxy, or one that it takes for none",
    "add a rule with ipxe = true",
)
_HARDWARE = Cause("the network card or its ROM is broken", "try another card, update its firmware")

_OFFER_LINE = "`offer` for its MAC when it was answered, `ignored REASON` when not, else nothing"
_TFTP_LINE = "`tftp-timeout` or `tftp-client-error`; no line at all when the request never came"
_REFUSED_LINE = "`tftp-refused`, with the name and why"
_NOTHING = "nothing: it happens inside the client"


def _code(code: str, firmware: str, meaning: str, log: str, *causes: Cause) -> Code:
    return Code(code=code, firmware=firmware, meaning=meaning, causes=causes, log=log)


_NO_OFFER = (
    Cause("no DHCP server gives addresses on this network", "start it; fastpxe doctor lists all"),
    _NO_PORT_YET,
    _ON_WIRE,
)

_TABLE = (
    _code(
        "PXE-E05", _BOTH,
        "UEFI: the file doesn't fit into the memory meant for it. BIOS: the card's EEPROM is bad.",
        "`tftp-client-error` or `tftp-probe` just before",
        Cause("the file is another than the firmware expects", "check its architecture and size"),
        _HARDWARE,
    ),
    _code("PXE-E07", _BOTH, "The network card failed while it was used.", _NOTHING, _HARDWARE),
    _code(
        "PXE-E09", _BOTH, "Memory or a driver of the firmware gave out.", _NOTHING,
        Cause("too little memory, or a faulty network driver", "update the firmware"),
    ),
    _code(
        "PXE-E11", _BIOS, "A neighbour's hardware address couldn't be found (ARP).",
        "`offer`, and then no TFTP line",
        _UNREACHABLE, _DHCP_SAYS_PXE,
        Cause("the DHCP server gives a wrong mask or router", "correct options 1 and 3"),
    ),
    _code(
        "PXE-E12", _UEFI, "No link.", _NOTHING,
        Cause("cable, switch port, or a dock that isn't powered yet", "check the cable and port"),
    ),
    _code(
        "PXE-E16", _UEFI,
        "No usable offer in a minute: no address, none that says PXE, or 4011 stayed silent.",
        _OFFER_LINE,
        *_NO_OFFER, _NO_RULE, _FIREWALL_4011,
        Cause("firmware of before April 2017 threw the offer away", 'not style = "direct"'),
    ),
    _code(
        "PXE-E18", _UEFI, "A server that should have answered didn't: 4011, boot menu, or TFTP.",
        _TFTP_LINE, _FIREWALL_69, _UNREACHABLE, _MTU, _FIREWALL_4011,
        Cause("no boot server of the menu's type answers", "see `ignored unserved_item`"),
    ),
    _code(
        "PXE-E21", _BOTH,
        "UEFI: the boot was given up: by a key, or because the answer named no file. BIOS: its "
        "check of signed boot images (BIS) failed.",
        "`offer` or `ack` with an empty `file=`, or a second server's answer that we never see",
        _NO_RULE, _OTHER_PROXY,
        Cause("somebody pressed Escape", "boot again"),
        Cause("a menu without an item of the type asked for", "see how-to: menus"),
    ),
    _code(
        "PXE-E22", _BOTH,
        "UEFI: ICMP came back, the port or host isn't there. BIOS: a boot image isn't signed well.",
        "nothing, or `tftp-client-error`",
        Cause("TFTP is off, or not on the address told", "[tftp] enabled, and siaddr in the offer"),
        Cause("a firewall that rejects", "open UDP 69 and the port of the transfer"),
    ),
    _code(
        "PXE-E23", _BOTH,
        "UEFI: TFTP answered with an error, or the file is empty. BIOS: BIS couldn't start.",
        _REFUSED_LINE, _MISSING,
        Cause("the file can't be read by the user that serves", "chmod a+r, and the folders"),
        Cause("the client went to another TFTP server", "see `server=` in its `offer` line"),
    ),
    _code("PXE-E32", _BIOS, "TFTP: no answer to the request.", _TFTP_LINE,
          _FIREWALL_69,
          Cause("no TFTP server at the address told", "[tftp] enabled = true, or server = …"),
          _UNREACHABLE),
    _code("PXE-E35", _BIOS, "TFTP: the transfer stopped in the middle.", _TFTP_LINE, _MTU,
          Cause("packets are lost", "look for errors on the switch port; duplex must agree"),
          _FIREWALL_69),
    _code("PXE-E36", _BIOS, "TFTP answered with an error; PXE-T lines above give its text.",
          _REFUSED_LINE, _MISSING,
          Cause("more transfers at once than allowed", "raise [tftp] max_transfers_per_client")),
    _code("PXE-E38", _BIOS, "TFTP: the request couldn't be sent.", _NOTHING, _HARDWARE),
    _code("PXE-E39", _BIOS, "TFTP: an acknowledgement couldn't be sent.", _NOTHING, _HARDWARE),
    _code("PXE-E3A", _BIOS, "TFTP: more came than there is room for.", "`tftp-client-error`",
          Cause("the file is too large for a BIOS boot file", "undionly.kpxe, not ipxe.efi"),
          Cause("the file was replaced meanwhile", "replace files by rename")),
    _code("PXE-E3B", _BIOS, "TFTP: file not found.", _REFUSED_LINE, _MISSING,
          Cause("the client asks another TFTP server", "see `server=` in its `offer` line")),
    _code("PXE-E3C", _BIOS, "TFTP: the file may not be read.", _REFUSED_LINE,
          Cause("its mode, its owner, or a link out of the root", "chmod a+r; keep files inside")),
    _code("PXE-E3F", _BIOS, "TFTP: a block has an impossible size.", "`tftp-client-error`",
          Cause("old ROM and large blocks", "[tftp] max_blksize = 1408, or allow_blksize = false")),
    _code("PXE-E51", _BIOS, "No offer at all: neither an address nor a boot server.",
          _OFFER_LINE, *_NO_OFFER,
          Cause("a relay in front of us isn't configured", "ip helper-address for both servers")),
    _code("PXE-E52", _BIOS,
          "Boot servers answered, the proxy among them, but nobody gave an address.",
          "`offer` for its MAC: our half was well",
          Cause("the DHCP server is down, or its pool is empty", "look at its log and its leases"),
          Cause("it denies unknown machines", "add the MAC address there"),
          Cause("a relay forwards to us, but not to it", "ip helper-address for both servers")),
    _code("PXE-E53", _BOTH, "An address came, but no name of a boot file.", _OFFER_LINE,
          Cause("fastpxe doesn't run, or not on this network", "fastpxe doctor"),
          _NO_RULE, _ON_WIRE,
          Cause("our answer came too late", "no reply_delay_s above 3; look at the latencies")),
    _code("PXE-E55", _BIOS, "The server that said PXE doesn't answer on port 4011.",
          "`offer` for its MAC, and no `ack`; `other_server_id` when it asked for another",
          _DHCP_SAYS_PXE, _FIREWALL_4011,
          Cause("fastpxe isn't bound to 4011", "[dhcp] ports = [67, 4011]"),
          _OTHER_PROXY),
    _code("PXE-E61", _BIOS, "No link.", _NOTHING,
          Cause("cable or switch port", "check both; try another"), _HARDWARE),
    _code("PXE-E63", _BIOS, "The network card couldn't be started.", _NOTHING, _HARDWARE),
    _code("PXE-E67", _BIOS, "The network card has no valid MAC address.", _NOTHING, _HARDWARE),
    _code("PXE-E74", _BIOS, "PXE options came, but no menu or prompt that can be used.",
          "`offer` for its MAC",
          _OTHER_PROXY,
          Cause("an option 43 of the DHCP server that isn't PXE's", "take it out there")),
    _code("PXE-E76", _BIOS, "Search by multicast was asked for, without an address for it.",
          "`offer` for its MAC", _OTHER_PROXY),
    _code("PXE-E77", _BIOS, "The list of boot servers is missing or can't be read.",
          "`offer` for its MAC", _OTHER_PROXY,
          Cause("an option 43 of the DHCP server that isn't PXE's", "take it out there")),
    _code("PXE-E78", _BIOS, "No boot server of the type chosen answered.",
          "`ignored unserved_item`, or no line", _OTHER_PROXY, _FIREWALL_4011,
          Cause("a menu names a server that doesn't serve", "correct the menu's server")),
    _code("PXE-E79", _BIOS, "The boot file is too large for the memory below 640 kB.",
          "`tftp-done` or `tftp-client-error`",
          Cause("a file for UEFI went to a BIOS", 'undionly.kpxe for arch = "bios"'),
          Cause("a kernel or image in place of a loader", "load iPXE or PXELINUX first")),
    _code("PXE-E99", _UEFI, "An error that the firmware has no name for.", _OFFER_LINE,
          Cause("a URL was told to a client that only knows TFTP", "url only for HTTP arches"),
          _UNREACHABLE),
    _code("PXE-EA0", _BIOS, "Somebody pressed a key.", _NOTHING,
          Cause("Escape during the boot", "boot again")),
    _code("PXE-M0F", _BIOS, "The ROM ends; the line above it says why.", _NOTHING,
          Cause("any failure, or a local boot that was wanted", "look the line above up")),
    _code("PXE-T01", _BIOS, "The text of a TFTP error: file not found.", _REFUSED_LINE, _MISSING),
    _code("PXE-T02", _BIOS, "The text of a TFTP error: access is refused.", _REFUSED_LINE,
          Cause("the file may not be read, or its name leaves the root",
                "chmod a+r; no ../; `why=` in the log says which")),
    _code("PXE-T04", _BIOS, "The text of a TFTP error, mostly that access is denied.",
          _REFUSED_LINE,
          Cause("the file may not be read, or its name leaves the root", "chmod a+r; no ../")),
    _code("040ee", _IPXE, "No address: neither DHCP nor IPv6 configured the network.",
          "`offer ipxe=yes` when it was answered",
          _NO_PORT_YET, *_NO_OFFER[:1],
          Cause("iPXE's driver has trouble with this card",
                "snponly.efi or undionly.kpxe, which use the firmware's own")),
    _code("2d03e", _IPXE, "An address came, but nothing to boot.",
          "`ignored no_rule ipxe=yes`, or no line", _TOLD_IPXE,
          Cause("the proxy's offer came later than 3 s", "no reply_delay_s for iPXE"), _ON_WIRE),
    _code("2d126", _IPXE, "TFTP: no such file. Normal where iPXE only looks for autoexec.ipxe.",
          _REFUSED_LINE, _MISSING,
          Cause("a script's name is relative to where the script came from",
                "write a whole URL: tftp://${proxydhcp/next-server}/…"),
          Cause("${next-server} is the DHCP server's", "use ${proxydhcp/next-server}")),
    _code("2d0c6", _IPXE, "HTTP: 404, no such file.", "`http-refused` with status=404", _MISSING,
          Cause("the URL leads to another server", "compare it with [http] and url")),
    _code("3e116", _IPXE, "DNS: there is no such name.", _NOTHING,
          Cause("the script's URL has an empty or wrong host", "write an address in its place"),
          Cause("DHCP names no DNS server, or one that doesn't know it", "correct option 6")),
    _code("4c106", _IPXE, "DHCP: no answer in time.", "`offer ipxe=yes` when it was answered",
          _NO_PORT_YET, *_NO_OFFER[:1], _FIREWALL_4011),
    _code("4c126", _IPXE, "TFTP: no answer in time.", _TFTP_LINE, _FIREWALL_69,
          Cause("${next-server} is the DHCP server's", "use ${proxydhcp/next-server}"), _MTU),
    _code("4c0a6", _IPXE, "TCP: no answer in time.", "no `http-` line",
          Cause("a firewall drops the port of HTTP", "open TCP 80, or [http] port"),
          Cause("the script has an old address of the server", "correct the URL")),
    _code("0e0a6", _IPXE, "TCP: the connection was refused.", "no `http-` line",
          Cause("no HTTP server on this port", "[http] enabled = true")),
    _code("28086", _IPXE,
          "No route. A single one in TXE, right after the start, is normal: IPv6 isn't up yet.",
          _NOTHING,
          Cause("the DHCP server gives no router, and the server is elsewhere", "option 3")),
    _code("3c092", _IPXE, "This build of iPXE can't do that kind of URL, such as https or nfs.",
          "`offer ipxe=yes` with that URL",
          Cause("the build lacks the protocol", "http in its place, or another build")),
    _code("2e008", _IPXE, "What was loaded isn't of a kind that this iPXE can start.",
          "`tftp-done` or `http-done`",
          Cause("a BIOS file for UEFI, or the other way round", "check arch and file of the rule"),
          Cause("a script whose first line isn't #!ipxe", "correct it"),
          Cause("an error page in place of the file", "fetch the URL by hand")),
    # Any other number: by the kind of error alone.
    _code("02", _IPXE, "Permission denied: by a server, or a signature that isn't trusted.",
          "`tftp-refused` or `http-refused`",
          Cause("the file may not be read", "chmod a+r"),
          Cause("Secure Boot, or imgtrust", "sign the file, or load by shim")),
    _code("04", _IPXE, "No address to be had.", _OFFER_LINE, *_NO_OFFER),
    _code("1c", _IPXE, "Something came that iPXE can't read.", "any",
          Cause("a script's command or a server's answer is wrong", "look at the line above it")),
    _code("1d", _IPXE, "Input or output failed.", "`http-refused`, or nothing",
          Cause("an HTTP server answered with an error of its own", "read that server's log")),
    _code("2d", _IPXE, "Something wasn't found.", _REFUSED_LINE, _MISSING),
    _code("31", _IPXE, "Not enough memory.", "`tftp-done` or `http-done`",
          Cause("the image is larger than the machine's memory", "a smaller one, more memory")),
    _code("38", _IPXE, "Not connected. In RXE it is normal: others' packets.", _NOTHING,
          Cause("stray packets", "nothing")),
    _code("3c", _IPXE, "This build of iPXE can't do that.", _NOTHING,
          Cause("a command or protocol was left out of it", "another build")),
    _code("3e", _IPXE, "No such name or device.", _NOTHING,
          Cause("DNS, or a network card without a driver", "an address, or another build")),
    _code("4c", _IPXE, "No answer in time.", _TFTP_LINE, _UNREACHABLE, _FIREWALL_69),
)  # fmt: skip

CODES = {code.code: code for code in _TABLE}
"""By their name; iPXE's by the first five hex digits, or by two for those not listed further."""
