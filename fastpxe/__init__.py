"""fastpxe: a network-boot responder that runs beside a DHCP server it doesn't own."""

__version__ = "0.1.0"
