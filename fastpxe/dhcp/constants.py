"""The numbers on the wire, and the names that a configuration may use for them; no logic.

Sources:
  RFC 2131 and 2132 (DHCP), RFC 4578 (PXE options 93, 94, 97), PXE 2.1 (option 43),
  IANA "Processor Architecture Types", RFC 1350, 2347, 2348, 2349, 7440 (TFTP),
  iPXE src/include/ipxe/features.h.
"""

from enum import IntEnum

DHCP_SERVER_PORT = 67
DHCP_CLIENT_PORT = 68
TFTP_PORT = 69
PXE_PORT = 4011

MAGIC_COOKIE = b"\x63\x82\x53\x63"


class MessageType(IntEnum):
    """Option 53, RFC 2132 section 9.6."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


class Option(IntEnum):
    """DHCP options that fastpxe reads or writes."""

    PAD = 0
    VENDOR_SPECIFIC = 43
    REQUESTED_ADDRESS = 50
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    PARAMETER_LIST = 55
    MAX_MESSAGE_SIZE = 57
    VENDOR_CLASS = 60
    CLIENT_ID = 61
    TFTP_SERVER_NAME = 66
    BOOTFILE_NAME = 67
    USER_CLASS = 77
    RELAY_AGENT = 82
    CLIENT_ARCH = 93
    CLIENT_NDI = 94
    CLIENT_UUID = 97
    SUBNET_SELECTION = 118
    VI_VENDOR_CLASS = 124
    VI_VENDOR_INFO = 125
    IPXE = 175
    END = 255


class Arch(IntEnum):
    """IANA processor architecture types, option 93 (RFC 4578 section 2.1).

    RFC 4578 printed 7 and 9 the wrong way round; firmware of x64 machines says 7, some says 9,
    so both are x64 here.
    """

    BIOS = 0
    NEC_PC98 = 1
    ITANIUM = 2
    ALPHA = 3
    ARC_X86 = 4
    INTEL_LEAN = 5
    UEFI_IA32 = 6
    UEFI_X64 = 7
    XSCALE = 8
    UEFI_EBC = 9
    UEFI_ARM32 = 10
    UEFI_ARM64 = 11
    PPC_OPEN_FIRMWARE = 12
    PPC_EPAPR = 13
    POWER_OPAL = 14
    UEFI_IA32_HTTP = 15
    UEFI_X64_HTTP = 16
    UEFI_EBC_HTTP = 17
    UEFI_ARM32_HTTP = 18
    UEFI_ARM64_HTTP = 19
    BIOS_HTTP = 20
    UBOOT_ARM32 = 21
    UBOOT_ARM64 = 22
    UBOOT_ARM32_HTTP = 23
    UBOOT_ARM64_HTTP = 24
    UEFI_RISCV32 = 25
    UEFI_RISCV32_HTTP = 26
    UEFI_RISCV64 = 27
    UEFI_RISCV64_HTTP = 28
    UEFI_RISCV128 = 29
    UEFI_RISCV128_HTTP = 30
    S390_BASIC = 31
    S390_EXTENDED = 32
    UEFI_MIPS32 = 33
    UEFI_MIPS64 = 34
    UEFI_SUNWAY32 = 35
    UEFI_SUNWAY64 = 36
    UEFI_LOONGARCH32 = 37
    UEFI_LOONGARCH32_HTTP = 38
    UEFI_LOONGARCH64 = 39
    UEFI_LOONGARCH64_HTTP = 40
    RPI = 41


ARCH_NAMES: dict[str, tuple[int, ...]] = {
    arch.name.lower().replace("_", "-"): (arch.value,) for arch in Arch
} | {"uefi-x64": (Arch.UEFI_X64, Arch.UEFI_EBC), "uefi-x64-http": (16, 17)}
"""The architectures by the names of a configuration; x64 firmware sends either of two numbers."""

HTTP_ARCHES = frozenset(arch.value for arch in Arch if arch.name.endswith("_HTTP"))
"""Those whose client fetches a URL and no TFTP file."""


class IpxeFeature(IntEnum):
    """What a build of iPXE can do: sub-options of option 175, named as in iPXE's features.h."""

    PXE_EXT = 0x10
    ISCSI = 0x11
    AOE = 0x12
    HTTP = 0x13
    HTTPS = 0x14
    TFTP = 0x15
    FTP = 0x16
    DNS = 0x17
    BZIMAGE = 0x18
    MULTIBOOT = 0x19
    SLAM = 0x1A
    SRP = 0x1B
    NBI = 0x20
    PXE = 0x21
    ELF = 0x22
    COMBOOT = 0x23
    EFI = 0x24
    FCOE = 0x25
    VLAN = 0x26
    MENU = 0x27
    SDI = 0x28
    NFS = 0x29


FEATURE_NAMES: dict[str, int] = {
    feature.name.lower().replace("_", "-"): feature.value for feature in IpxeFeature
}
"""The features of iPXE by the names of a configuration."""


class TftpOp(IntEnum):
    """TFTP opcodes, RFC 1350 section 5 and RFC 2347."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class TftpError(IntEnum):
    """TFTP error codes, RFC 1350 section 5 and RFC 2347."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TID = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_NEGOTIATION = 8
