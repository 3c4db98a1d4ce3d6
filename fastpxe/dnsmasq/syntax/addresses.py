"""IP addresses in fields. A digit that stood in quotes is no part of one."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address


def read_ipv4(field: str) -> IPv4Address | None:
    """The address, None when the field is none."""
    try:
        return IPv4Address(field)
    except AddressValueError:
        return None


def read_ipv6(field: str) -> IPv6Address | None:
    """The address, None when the field is none; a zone (`%eth0`) is not taken."""
    try:
        return None if "%" in field else IPv6Address(field)
    except AddressValueError:
        return None
