"""From facts about this machine to findings: ports, privileges, interfaces, buffers, files."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface
from typing import Literal

import msgspec

from fastpxe.doctor.report import Finding, Level

ETHERNET_MTU = 1500
BYTES_PER_PACKET = 1280
"""What the kernel charges for a waiting DHCP request; it grants twice the bytes asked for."""

SPARE_DESCRIPTORS = 256


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that has a port; pid 0 where this user may not see which.

    serves: what stands behind `serve`, such as "-c my.toml", if it is a fastpxe.
    """

    pid: int
    program: str = ""
    user: str = ""
    serves: str | None = None


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port that is to be served.

    holders: who has it. refusal: why it can't be opened, with the way out behind a semicolon; ""
    if it can. is_denied: this user may not try.
    """

    kind: Literal["UDP", "TCP"]
    number: int
    holders: tuple[Holder, ...] = ()
    refusal: str = ""
    is_denied: bool = False

    @property
    def is_served(self) -> bool:
        return any(holder.serves is not None for holder in self.holders)


class Privileges(msgspec.Struct, frozen=True, kw_only=True):
    """Who this process is: user id, and names of capabilities that serving needs and it lacks."""

    user: int
    lacks: frozenset[str] = frozenset()
    way_out: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An interface. is_named: the configuration or the command names it. `mtu` is in bytes."""

    name: str
    is_present: bool = True
    is_up: bool = True
    has_carrier: bool = True
    mtu: int = ETHERNET_MTU
    networks: tuple[IPv4Interface, ...] = ()
    is_named: bool = False

    @property
    def is_for_containers(self) -> bool:
        return self.name.startswith(_OF_CONTAINERS)


class Buffers(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of receive buffer wanted and granted, the system's limit, and descriptors."""

    wanted: int
    granted: int
    rmem_max: int
    descriptors: int


class RootFile(msgspec.Struct, frozen=True, kw_only=True):
    """A boot file and the rule that hands it out; its size in bytes, or why it has none."""

    name: str
    rule: str
    size: int | None
    why_not: str = ""


class RootFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A root that files are served from. `failure` says why it can't be looked into.

    is_unasked: it is the default one, and no configuration was named.
    """

    path: str
    files: tuple[RootFile, ...] = ()
    failure: str = ""
    is_unasked: bool = False


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `refusal`: the server wouldn't start, for this reason, "" if it would so far."""

    refusal: str
    ports: tuple[Port, ...]
    privileges: Privileges
    links: tuple[Link, ...]
    buffers: Buffers
    roots: tuple[RootFiles, ...]

    @property
    def is_served(self) -> bool:
        """Whether a fastpxe runs here, as far as this user may see."""
        return any(port.is_served for port in self.ports)


_OF_CONTAINERS = ("docker", "br-", "virbr", "veth", "cni", "flannel", "podman", "lxcbr", "lxdbr")


def findings(machine: Machine) -> Iterator[Finding]:
    """What the facts mean."""
    if machine.refusal:
        saw, advice = _parted(machine.refusal)
        yield Finding(level="problem", name="start", about="fastpxe serve", saw=saw, advice=advice)
    yield from map(_port, machine.ports)
    yield _privileges(machine.privileges, is_served=machine.is_served)
    yield from _links(machine.links)
    yield _receive_buffer(machine.buffers)
    yield _descriptors(machine.buffers)
    for root in machine.roots:
        yield from _files(root)


def _parted(refusal: str) -> tuple[str, str]:
    """The error texts of fastpxe say what is wrong; and then, what to do."""
    saw, _, advice = refusal.partition("; ")
    return saw, advice or "see above"


def _port(port: Port) -> Finding:
    held = ", ".join(map(_holder, port.holders))
    seen = [holder for holder in port.holders if holder.pid]
    level: Level = "ok"
    advice = ""
    if port.is_served:
        saw = f"{held}: it is running"
    elif port.is_denied:
        level = "unknown"
        saw = f"held by {held}" if held else "nobody seems to have it, but this user can't try"
        advice = "run it as root: sudo fastpxe doctor"
    elif port.refusal:
        level = "problem"
        saw = f"held by {held}" if held else _parted(port.refusal)[0]
        advice = _parted(port.refusal)[1]
        if held and not seen:  # maybe fastpxe itself
            level = "unknown"
            advice = f"as root, fastpxe doctor sees by whom; unless that is fastpxe: {advice}"
    else:
        saw = f"free; {held} has it too, out of the way" if held else "free"
    return Finding(
        level=level,
        name=f"port-{port.number}",
        about=f"{port.kind} {port.number}",
        saw=saw,
        advice=advice,
    )


def _holder(holder: Holder) -> str:
    if not holder.pid:
        return "a program that only root may see"
    program = f"{holder.program} serve {holder.serves}" if holder.serves else holder.program
    return f"{program} (pid {holder.pid}, user {holder.user})"


def _privileges(privileges: Privileges, *, is_served: bool) -> Finding:
    """Without CAP_NET_ADMIN buffers are smaller, which their own finding says."""
    lacks = ", ".join(sorted(privileges.lacks))
    saw = f"user {privileges.user}, " + (f"without {lacks}" if lacks else "with all that it takes")
    can_t_bind = "CAP_NET_BIND_SERVICE" in privileges.lacks and not is_served
    return Finding(
        level="warning" if can_t_bind else "ok",
        name="privileges",
        about="privileges",
        saw=f"{saw}: it can't open ports below 1024" if can_t_bind else saw,
        advice=privileges.way_out if can_t_bind else "",
    )


def _links(links: Sequence[Link]) -> Iterator[Finding]:
    for link in links:
        yield _link(link)
    served = [link for link in links if not link.is_named and link.networks]
    if served and len(served) == len(links) and all(link.is_for_containers for link in served):
        yield Finding(
            level="problem",
            name="containers-only",
            about="interfaces",
            saw="only networks of containers and virtual machines on this host",
            advice="give the network card an IPv4 address; in a container, use the host's network",
        )


def _link(link: Link) -> Finding:
    level, saw, advice = _state_of(link)
    return Finding(
        level=level,
        name="interface",
        about=f"interface {link.name}",
        saw=saw,
        advice=advice.format(name=link.name),
    )


def _state_of(link: Link) -> tuple[Level, str, str]:
    addresses = ", ".join(str(network) for network in link.networks)
    if not link.is_present:
        return "problem", "there is none of this name", "correct interfaces = […]; see: ip link"
    if not link.is_up:
        return "problem", "it is down", "ip link set {name} up"
    if not link.networks:
        return "problem", "it has no IPv4 address", "ip address add ADDRESS/BITS dev {name}"
    if not link.has_carrier:
        return "problem", f"{addresses}, but no carrier", "check the cable and the switch port"
    if link.is_for_containers and not link.is_named:
        return (
            "warning",
            f"{addresses}: a network of containers or virtual machines",
            'if nothing boots there, name those that serve: interfaces = ["eth0"]',
        )
    if len({network.network for network in link.networks}) > 1:
        return (
            "warning",
            f"{addresses}: several networks",
            "clients are told the first address; those of the other networks need a router to it",
        )
    if link.mtu < ETHERNET_MTU:
        return (
            "warning",
            f"{addresses}, MTU {link.mtu}",
            "blocks of TFTP are made to fit, but clients must fit too; raise it if you can",
        )
    return "ok", f"{addresses}, up, MTU {link.mtu}", ""


def _receive_buffer(buffers: Buffers) -> Finding:
    holds = buffers.granted * 2 // BYTES_PER_PACKET
    is_short = buffers.granted < buffers.wanted
    return Finding(
        level="warning" if is_short else "ok",
        name="receive-buffer",
        about="receive buffer",
        saw=f"{buffers.granted:,} bytes of {buffers.wanted:,} wanted: {holds:,} waiting requests",
        advice=(
            f"grant CAP_NET_ADMIN, or: sysctl -w net.core.rmem_max={buffers.wanted} "
            f"net.core.wmem_max={buffers.wanted} (the first is {buffers.rmem_max})"
            if is_short
            else ""
        ),
    )


def _descriptors(buffers: Buffers) -> Finding:
    """A transfer has a file open; one that is in use is shared."""
    is_short = buffers.descriptors < 4 * SPARE_DESCRIPTORS
    return Finding(
        level="warning" if is_short else "ok",
        name="descriptors",
        about="open files",
        saw=f"{buffers.descriptors:,} allowed to a process",
        advice="raise it: ulimit -Hn 65536, or LimitNOFILE=65536 in systemd" if is_short else "",
    )


def _files(root: RootFiles) -> Iterator[Finding]:
    about = f"files under {root.path}" if root.path else "files"
    if root.failure:
        saw, advice = _parted(root.failure)
        level: Level = "unknown" if root.is_unasked else "problem"
        if root.is_unasked:
            advice = f"name the configuration: -c FILE; or {advice}"
        yield Finding(level=level, name="root", about=about, saw=saw, advice=advice)
        return
    there = [file for file in root.files if file.size]
    missing = [file for file in root.files if file.size is None]
    empty = [file for file in root.files if file.size == 0]
    yield Finding(
        level="ok",
        name="files",
        about=about,
        saw=", ".join(f"{file.name} {file.size:,} bytes" for file in there)
        or ("no rule names a file here" if not root.files else "none that is named"),
    )
    if missing:
        named = ", ".join(f"{file.name} ({file.rule}: {file.why_not})" for file in missing)
        yield Finding(
            level="problem",
            name="missing-file",
            about=about,
            saw=f"can't be served: {named}",
            advice="put them there, readable; or take the rules out. Clients give up at once",
        )
    if empty:
        yield Finding(
            level="problem",
            name="empty-file",
            about=about,
            saw=f"empty: {', '.join(file.name for file in empty)}",
            advice="copy them again: firmware takes an empty file for an error (PXE-E23)",
        )
