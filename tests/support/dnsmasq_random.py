"""Random configurations and requests, of the kind where dnsmasq's odd rules show."""

import re
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from random import Random

from dnsmasq_live import Datagram

MACS = ("52:54:00:12:34:56", "52:54:00:aa:00:01", "00:11:22:33:44:55")

# A word in braces becomes any of its choices, which may have braces themselves.
CHOICES = {
    "tag": ["red", "green", "blue", "wild1"],
    "not": ["", "", "!"],
    "any": ["red", "green", "blue", "dqs0", "known", "known-othernet", "pool", "wild1"],
    "if": ["", "", "tag:{not}{any},", "tag:{not}{any},", "tag:{not}{any},tag:{not}{any},"],
    "mac": list(MACS),
    "match": [
        "93,0", "93,7", "93,7b", "93,00:07", "option:client-arch,7", "175", "175,19", "60,PXE",
        "60,Arch:00007", "97,00:44:*:4c", "97,44:45", "97,0", "50,10.88.0.77", "6,10.88.0.78",
        "61,01:52:54:00", "77,iPXE", "vi-encap:4491,hello", "vi-encap:4491", "43", "12,lab1",
    ],
    "masked": ["{mac}", "52:54:*:*:*:*", "01-52:54:00:*:*:*", "06-52:54:00:*:*:*", "*:*:*"],
    "relay": [
        "circuitid=set:{tag},aa:bb:cc:dd", "circuitid=set:{tag},eth0/1",
        "remoteid=set:{tag},11:22:33", "subscrid=set:{tag},joe",
    ],
    "host": [
        "{mac}", "{mac}", "{mac}", "52:54:00:*:*:*", "52:*:*:*:*:*", "id:id-one", "lab1", "lab2",
        "id:*,52:54:00:12:34:56", "52:54:00:12:34:56,id:ff:00",
    ],
    "sets": ["", ",set:{tag}", ",set:{tag},set:{tag}"],
    "host-if": ["", "", ",tag:red", ",tag:!blue"],
    "tests": [
        "", ",tag:red", ",tag:!green", ",tag:wi*", ",tag:!wi*,tag:blue", ",tag:dqs*", ",tag:pool",
        ",tag:known,tag:!red",
    ],
    "ignored": ["red,tag:green,tag:blue", "known-othernet", "!dqs0", "pool"],
    "file": ["f", "dir.d/base", "undionly.kpxe", "http://10.88.0.1/boot.ipxe", "x" * 140],
    "server": ["", "", ",10.88.0.33", ",tftp.lab", ",Nobody.lab", ",0.0.0.0"],
    "csa": ["x86PC", "x86PC", "x86PC", "x86-64_EFI", "x86-64_EFI", "BC_EFI", "IA32_EFI", "11"],
    "menu": ["Menu", "m" * 100, "m" * 150, '"a, b"', "Other entry"],
    "target": ["a", "b.efi", "dir.d/base", "0", "7", "2", "y" * 130],
    "prompt": ["P", "Press F8", "p" * 60],
    "timeout": ["", ",0", ",10", ",300"],
    "class": ["PXEClient", "Client", "MSFT"],
    "value": [",05:41:42", ",text", "," + "v" * 60, ",7", ",0.0.0.0", "," + "v" * 200, ""],
    "vendors": ["PXEClient", "PXEClient,HTTPClient,HW-Client", "PXE,PXEClient"],
    "range": [
        "10.88.0.0,proxy", "10.88.0.0,proxy,255.255.255.128", "10.88.7.0,proxy", "10.88.9.7,proxy",
        "10.88.5.0,proxy,255.255.255.0", "192.168.77.0,proxy", "10.88.0.200,proxy,255.255.0.0",
    ],
    "range-if": ["", "", "", "tag:red,", "tag:!blue,"],
    "range-sets": ["", "", "set:pool,"],
}  # fmt: skip

# At most so many of each.
LINES = (
    (4, "dhcp-match=set:{tag},{match}"),
    (2, "dhcp-vendorclass=set:{tag},{vendorclass}"),
    (2, "dhcp-userclass=set:{tag},{userclass}"),
    (2, "dhcp-mac=set:{tag},{masked}"),
    (2, "dhcp-{relay}"),
    (2, "dhcp-name-match=set:{tag},{name}"),
    (2, "dhcp-host={host}{sets}{host-if}{ignore}"),
    (1, "dhcp-host={host}{sets}{host-if},10.88.0.60{ignore}"),
    (1, "dhcp-host={host}{sets}{host-if},10.90.0.61{ignore}"),
    (4, "tag-if=set:{tag}{sets}{tests}"),
    (1, "dhcp-ignore=tag:{ignored}"),
    (5, "dhcp-boot={if}{file},{sname}{server}"),
    (2, "pxe-service={if}{csa},{menu}"),
    (5, "pxe-service={if}{csa},{menu},{target}{server}"),
    (2, "pxe-prompt={if}{prompt}{timeout}"),
    (3, "dhcp-option{force}={if}vendor:{class},{code}{value}"),
    (1, "dhcp-pxe-vendor={vendors}"),
    (1, "shared-network={shared},10.88.5.9"),
)
CHOICES |= {
    "vendorclass": ["PXEClient", "Arch:00007", "UNDI"],
    "userclass": ["iPXE", "ab", "PX"],
    "name": ["lab1", "lab*", "LAB2"],
    "ignore": ["", "", ",ignore"],
    "sname": ["", "sn"],
    "force": ["", "-force"],
    "code": ["200", "6", "10", "43"],
    "shared": ["10.88.0.1", "dqs0", "10.88.6.1"],
}
LISTENING = (
    "port=0",
    "port=0",
    "port=0\nbridge-interface=dqs0,dqs1",
    "port=0\nbridge-interface=dqs1,dq*",
    "port=0\nno-dhcp-interface=dqs1",
    "port=5399\nlisten-address=10.88.0.3,10.88.7.1\nexcept-interface=dqs0",
    "port=5399\ninterface=dqs1\nlisten-address=10.88.0.1\nexcept-interface=dqs*",
    "port=5399\nlisten-address=10.88.0.3\nbind-interfaces",
    "port=5399\ninterface=dqs*",
)


class RandomConfig:
    """A dnsmasq.conf; `interface` is where requests come in, `file` the text."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.interface = random.choice(("dqs0", "dqs0", "dqs0", "dqs1"))
        local = "10.88.0.1" if self.interface == "dqs0" else "10.88.9.0"
        ranges = [*random.sample(CHOICES["range"], random.randint(1, 4)), f"{local},proxy"]
        lines = [line for most, line in LINES for _ in range(random.randint(0, most))]
        random.shuffle(lines)
        self.file = "\n".join((
            random.choice(LISTENING),
            "host-record=tftp.lab,10.88.0.92",
            *(self.fill("dhcp-range={range-if}{range-sets}") + line for line in ranges),
            *map(self.fill, lines),
            "pxe-prompt=tag:never,x\n",
        ))  # fmt: skip

    def fill(self, text: str) -> str:
        while "{" in text:
            text = re.sub("{([^{}]+)}", lambda word: self.random.choice(CHOICES[word[1]]), text)
        return text


ARCHES = (0, 0, 0, 6, 7, 7, 9, 11, 16)
VENDORS = (
    *("PXEClient", "PXEClient:Arch:00000:UNDI:002001", "PXEClient:Arch:00007:UNDI:003016") * 4,
    *("HTTPClient:Arch:00016", "MSFT 5.0", "xPXEClient", "HW-Client:1", "PXE"),
)
ADDRESSES = ("10.88.0.50", "10.88.0.51", "10.88.7.50", "10.88.9.50", "10.88.5.50",
             "10.88.0.255", "192.168.77.9", "10.77.0.5")  # fmt: skip
RELAYS = ("10.88.5.1", "10.88.0.2", "10.88.6.1", "192.168.77.1", "10.88.9.2")
HARDWARE = (*[(1, 6)] * 30, (0, 0), (6, 6), (1, 16), (1, 17), (0, 6), (1, 0), (1, 15))
UUIDS = (bytes(17), bytes.fromhex("0044454c4c38001036804ec4c04f4a5831"), bytes(range(17)))

# How often a request has an option, its code, and what may be in it.
OPTIONS = (
    (0.98, 53, tuple(bytes([kind]) for kind in (1, 1, 1, 3, 3, 3, 3, 8, 7, 4))),
    (0.95, 60, tuple(vendor.encode() for vendor in VENDORS)),
    (0.95, 93, tuple(struct.pack("!H", arch) for arch in ARCHES)),
    (0.7, 97, UUIDS),
    (0.2, 77, (b"iPXE", b"\4iPXE", b"\3abc\4iPXE", b"\1a\1b", b"\xffiPXE", b"ab")),
    (0.1, 50, (b"\x0a\x58\0\x4d",)),
    (0.2, 61, (b"\1\x52\x54\0\x12\x34\x56", b"\0id-one", b"id-one", b"\xff\0")),
    (0.2, 12, (b"lab1", b"LAB1.a.b", b"lab2", b"-bad", b"a b", b"x" * 64, b"lab1\0", b"lab1.")),
    (0.15, 82, (
        b"\1\4\xaa\xbb\xcc\xdd", b"\1\6eth0/1\2\3\x11\x22\x33", b"\6\3joe", b"\5\4\x0a\x58\5\0",
        b"\5\4\x0a\x58\0\0", b"\x0b\4\x0a\x58\5\1", b"\1\5\xaa\xbb\xcc\xdd\xee", b"\2", b"z" * 200,
    )),
    (0.1, 175, (b"\x13\1\1", b"\x19")),
    (0.05, 118, (b"\x0a\x58\5\0", b"\x0a\x58\0\0")),
    (0.5, 57, (b"\2\x40", b"\4\xec", b"\0\1", b"\0\x1c", b"\2\x80", b"\xff\xff", b"\3\0")),
    (0.1, 54, (b"\x0a\x58\0\1",)),
    (0.5, 55, (bytes(range(1, 30)),)),
    (0.05, 81, (b"\0\0\0lab1", b"\4\0\0\4lab1\3org\0", b"\4\0\0\4lab", b"\1\0\0")),
    (0.1, 124, (b"\0\0\x11\x8b\6\5hello", b"\0\0\x11\x8c\6\5hello", b"\0\0\x11\x8b\0")),
    (0.05, 125, (b"\0\0\x0d\xe9\6\1\1a\2\1b", b"\0\0\x0d\xe9\3\1\1a")),
    (0.05, 97, (b"\0" * 16, b"\0" * 18)),
    (0.05, 93, (b"\0", b"\0\0\0\7")),
    (0.03, 60, (b"", b"PXE")),
)  # fmt: skip
ITEM_TYPES = (0x8000, 0x8000, 0x8001, 0x8002, 7, 0, 2)
ITEM_LAYERS = (0, 0, 1, 0x8000, 300)


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


class RandomRequest:
    """A request of the kind that firmware sends, with some things wrong at times."""

    def __init__(self, random: Random, xid: int, interface: str) -> None:
        self.random = random
        self.xid = xid
        # a reply to the broadcast address of the other interface comes back to dnsmasq there,
        # which then takes that interface for one that leads to its ranges
        self.ciaddrs = [a for a in ADDRESSES if interface == "dqs0" or not a.endswith(".255")]

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def options(self) -> Iterator[bytes]:
        for chance, code, values in OPTIONS:
            if self.maybe(chance):
                yield option(code, self.random.choice(values))
        if self.maybe(0.3):
            yield option(43, self.vendor_specific())

    def vendor_specific(self) -> bytes:
        pick = self.random.choice
        item = option(71, struct.pack("!HH", pick(ITEM_TYPES), pick(ITEM_LAYERS)))
        return pick((item + b"\xff", b"\6\1\x08" + item, item, b"\x47\2\x80\0\xff"))

    def datagram(self) -> bytes:
        random, pick = self.random, self.random.choice
        ciaddr = pick(self.ciaddrs) if self.maybe(0.5) else "0.0.0.0"
        giaddr = pick(RELAYS) if self.maybe(0.2) else "0.0.0.0"
        mac = bytes.fromhex(pick(MACS).replace(":", ""))
        options, sname, file = self.areas()
        return b"".join((
            bytes([2 if self.maybe(0.01) else 1, *pick(HARDWARE), random.randrange(9)]),
            struct.pack("!IHH", self.xid, random.randrange(9), pick((0, 0x8000, 0x1234))),
            IPv4Address(ciaddr).packed,
            random.randbytes(8) if self.maybe(0.2) else bytes(8),  # yiaddr, siaddr
            IPv4Address(giaddr).packed,
            mac,
            random.randbytes(10) if self.maybe(0.3) else bytes(10),
            sname,
            file,
            bytes(4) if self.maybe(0.01) else b"\x63\x82\x53\x63",
            options,
        ))  # fmt: skip

    def areas(self) -> tuple[bytes, bytes, bytes]:
        """The options, with some of them in sname and file at times."""
        pick = self.random.choice
        made = list(self.options())
        self.random.shuffle(made)
        sname, file = bytes(64), bytes(128)
        if self.maybe(0.1):
            sname, file = self.random.randbytes(64), self.random.randbytes(128)
        if self.maybe(0.1) and len(made) > 3 and max(map(len, made[:3])) < 62:
            file = made[0] + made[1][: pick((0, len(made[1])))] + b"\xff"
            sname = made[2] + b"\xff"
            made = [*made[3:], option(52, bytes([pick((0, 1, 2, 3))]))]
        body = b"".join(one + b"\0" * self.maybe(0.03) for one in made)
        if self.maybe(0.03):
            body = body[: self.random.randrange(len(body) + 1)]
        end = b"\xff" * (not self.maybe(0.05)) + bytes(pick((0, 0, 20, 300)))
        return body + end, sname.ljust(64, b"\0"), file.ljust(128, b"\0")[:128]


def request(random: Random, xid: int, interface: str) -> Datagram:
    """A datagram that the server's kernel lets through."""
    data = RandomRequest(random, xid, interface).datagram()
    own = ("10.88.9.1",) if interface == "dqs1" else ("10.88.0.1", "10.88.7.1", "10.88.0.3")
    if random.random() < 0.4:
        source, to = random.choice(("0.0.0.0", "10.88.0.50")), "255.255.255.255"
    else:
        source, to = random.choice(ADDRESSES[:5]), random.choice(own)
    source_port = random.choice((68, 68, 4011, 67, 5000))
    port = random.choice((67, 4011))
    return Datagram(IPv4Address(source), source_port, IPv4Address(to), port, data)
