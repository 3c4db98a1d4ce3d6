"""DHCP servers that know nothing of network boot.

They have addresses for two networks: that of the responder, and one behind a router.
"""

import json
from collections.abc import Callable
from pathlib import Path

Command = list[str | Path]
# A server's command, and the text it prints when it listens.
Server = tuple[Command, str]
DhcpServer = Callable[[Path], Server]


def isc_dhcpd(folder: Path) -> Server:
    """It offers 1 s late: it pings the address first."""
    config, leases = folder / "dhcpd.conf", folder / "dhcpd.leases"
    config.write_text("""
        authoritative;
        subnet 10.77.0.0 netmask 255.255.255.0 {
            range 10.77.0.100 10.77.0.200;
            option routers 10.77.0.1;
            option domain-name-servers 10.77.0.1;
        }
        subnet 10.78.0.0 netmask 255.255.255.0 {
            range 10.78.0.100 10.78.0.200;
            option routers 10.78.0.1;
        }
    """)
    leases.touch()
    files = ("-cf", config, "-lf", leases, "-pf", folder / "dhcpd.pid")
    return ["dhcpd", "-4", "-f", "-d", *files, "eth0"], "Server starting service"


def dnsmasq(folder: Path) -> Server:
    """It offers 3 s late: it pings the address first, and longer."""
    return [
        *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-"),
        *("--user=root", "--pid-file=", "--port=0", "--interface=eth0"),
        "--dhcp-range=10.77.0.100,10.77.0.200,1h",
        "--dhcp-range=set:far,10.78.0.100,10.78.0.200,255.255.255.0,1h",
        "--dhcp-option=tag:far,option:router,10.78.0.1",
        f"--dhcp-leasefile={folder / 'leases'}",
    ], "DHCP, IP range"


def late_dnsmasq(folder: Path) -> Server:
    """It offers 6 s late."""
    command, ready = dnsmasq(folder)
    return [*command, "--no-ping", "--dhcp-reply-delay=6"], ready


def kea(folder: Path) -> Server:
    """It offers at once, and another address in each offer."""
    config = folder / "kea-dhcp4.conf"
    networks = [
        {
            "id": number,
            "subnet": f"10.{number}.0.0/24",
            "pools": [{"pool": f"10.{number}.0.100 - 10.{number}.0.200"}],
            "option-data": [{"name": "routers", "data": f"10.{number}.0.1"}],
        }
        for number in (77, 78)
    ]
    log = {"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}
    settings = {
        "interfaces-config": {"interfaces": ["eth0"]},
        "lease-database": {"type": "memfile", "persist": False},
        "subnet4": networks,
        "loggers": [log],
    }
    config.write_text(json.dumps({"Dhcp4": settings}))
    places = (f"KEA_LOCKFILE_DIR={folder}", f"KEA_PIDFILE_DIR={folder}")
    return ["env", *places, "kea-dhcp4", "-c", config], "DHCP4_STARTED"
