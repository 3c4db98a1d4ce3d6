"""What is open at all: threat S24, and that answers are the only thing that is said."""
# ruff: noqa: N802 - S24 is the number of the threat

from security_rig import Victim

PORTS = {67, 69, 4011}


def test_S24_no_port_of_dns_or_dhcpv6_is_open(victim: Victim) -> None:
    """Beside its three ports it has one for transfers in each worker, whatever number that is."""
    udp = ports(victim, "-Hlun")
    assert udp >= PORTS
    assert not {port for port in udp - PORTS if port < 1024}
    assert ports(victim, "-Hltn") == {80, 8067}  # the second is [admin], on loopback alone


def ports(victim: Victim, kind: str) -> set[int]:
    lines = victim.wire.server.run("ss", kind).splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}
