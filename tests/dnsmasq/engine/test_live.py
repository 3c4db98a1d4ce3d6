"""dnsmasq 2.90 itself, on random configurations and requests, answers as fastpxe does."""

import itertools
import os
import random
import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from dnsmasq_live import INTERFACES, Cables, Datagram, Dnsmasq, cables
from dnsmasq_random import RandomConfig, request
from packets import message, u16

from fastpxe.dnsmasq.engine.decision import Reply, To
from fastpxe.dnsmasq.engine.engine import Answer, Arrival, Engine, Silence
from fastpxe.dnsmasq.engine.log_lines import lines
from fastpxe.dnsmasq.engine.message import read
from fastpxe.dnsmasq.engine.render import OPTIONS_AT, lay_out, segments
from fastpxe.dnsmasq.engine.tags import names
from fastpxe.dnsmasq.syntax.disk import Disk
from fastpxe.dnsmasq.syntax.reader import read_config
from fastpxe.errors import MalformedPacket

pytestmark = pytest.mark.netns

CONFIGS = int(os.environ.get("FASTPXE_LIVE_CONFIGS", "12"))
SEED = int(os.environ.get("FASTPXE_LIVE_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
BATCHES = 4
BATCH = 50  # small enough for dnsmasq's socket buffer
QUIET_S = 0.15
LATE_S = 2  # on a busy machine


class Rig:
    """One configuration, in dnsmasq and in our engine."""

    def __init__(self, cable: Cables, file: str, interface: str) -> None:
        disk = Disk(lambda _: file.encode(), lambda _: None)
        self.cable = cable
        self.config = read_config(["dnsmasq.conf"], arguments=["--no-hosts"], disk=disk)
        self.engine = Engine(self.config, INTERFACES)
        self.interface = interface

    def arrival(self, datagram: Datagram) -> Arrival:
        return Arrival(
            interface=self.interface,
            port=datagram.to_port,
            source=datagram.source,
            source_port=datagram.source_port,
            destination=datagram.to,
        )

    def ours(self, datagram: Datagram) -> Answer | Silence:
        return self.engine.answer(datagram.data, self.arrival(datagram))

    def hangs(self, datagram: Datagram) -> bool:
        """Whether dnsmasq 2.90 would spin for ever.

        A client that is known by hardware address, but with an address elsewhere, and is known by
        its name too, makes a ring of dnsmasq's list of tags.
        """
        decision = self.ours(datagram).decision
        return decision is not None and {"known", "known-othernet"} <= names(decision.tags)

    def ask(self, asked: dict[int, Datagram], quiet_s: float) -> dict[int, Datagram]:
        """Send them all; what comes back, by transaction number."""
        for datagram in asked.values():
            self.cable.send(self.interface, datagram)
        return {int.from_bytes(reply.data[4:8]): reply for reply in self.cable.receive(quiet_s)}

    def ask_patiently(self, asked: dict[int, Datagram]) -> dict[int, Datagram]:
        replies = self.ask(asked, QUIET_S)
        late = {
            xid: datagram
            for xid, datagram in asked.items()
            if xid not in replies and isinstance(self.ours(datagram), Answer)
        }
        return replies | (self.ask(late, LATE_S) if late else {})

    def compare(self, datagram: Datagram, reply: Datagram | None) -> None:
        answer = self.ours(datagram)
        context = "\n".join((*answer.steps, str(datagram), datagram.data.hex(), str(reply)))
        if isinstance(answer, Silence):
            # dnsmasq sends to a ciaddr even if the request has no source address
            assert reply is None or answer.reason == "no-destination", context
            return
        assert reply is not None, context
        assert (str(reply.to), reply.to_port) == expected_to(answer, datagram), context
        if not self.is_broken(datagram):
            assert reply.data.hex() == answer.data.hex(), context

    def is_broken(self, datagram: Datagram) -> bool:
        decision = self.ours(datagram).decision
        return decision is not None and decision.reply is not None and is_broken(decision.reply)

    def log_lines(self, datagram: Datagram) -> list[str]:
        """What dnsmasq would log of it, but for lines without a transaction number."""
        try:
            message = read(datagram.data)
        except MalformedPacket:
            return []
        decision = self.engine.decide(self.engine.signature(message, self.arrival(datagram)))
        mine = lines(self.config, message, decision)
        return [cut_uuid(line) for line in mine if line.startswith(f"{message.xid} ")]


def expected_to(answer: Answer, datagram: Datagram) -> tuple[str, int]:
    """Where dnsmasq sends: on 4011 to any ciaddr."""
    reply = answer.decision.reply
    assert reply is not None
    ciaddr = read(datagram.data).ciaddr
    if reply.to is To.SOURCE and int(ciaddr) and not reply.is_item:
        return str(ciaddr), datagram.source_port
    return str(answer.to), answer.to_port


def is_broken(reply: Reply) -> bool:
    """Where dnsmasq sends garbage: 255 bytes in the last option 43 give it a length of 0, and
    option 52 is written beyond the buffer when two or three bytes are left.
    """
    spread = list(segments(reply.sub_options))
    if spread and sum(len(value) + 2 for _, value in spread[-1]) == 255:
        return True
    layout = lay_out(reply)
    end_at = OPTIONS_AT + len(layout.template.options.rstrip(b"\0")) - 1
    return layout.warnings != () and reply.limit - end_at <= 3


def cut_uuid(line: str) -> str:
    head, found, value = line.partition(" option: 97 client-machine-id  ")
    return f"{head}{found}{value[:41]}..." if found else line


def hide_mac(line: str) -> str:
    return re.sub(r"(?<=[ :])[0-9a-f]{2}(?=[ :])", "??", line) if " PXE(" in line else line


@pytest.fixture(scope="module")
def cable() -> Iterator[Cables]:
    with cables() as made:
        yield made


@pytest.mark.parametrize("number", range(CONFIGS))
def test_dnsmasq_answers_the_same(number: int, cable: Cables, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED}/{number}")  # noqa: S311 - no secret
    config = RandomConfig(chance)
    sys.stdout.write(f"FASTPXE_LIVE_SEED={SEED}, configuration {number}\n{config.file}")
    with Dnsmasq(cable.server, config.file, tmp_path) as dnsmasq:
        rig = Rig(cable, config.file, config.interface)
        for batch in range(BATCHES):
            xids = range(batch * BATCH + 1, (batch + 1) * BATCH + 1)
            made = {xid: request(chance, xid, config.interface) for xid in xids}
            asked = {xid: datagram for xid, datagram in made.items() if not rig.hangs(datagram)}
            replies = rig.ask_patiently(asked)
            assert dnsmasq.process.is_running(), dnsmasq.process.output()[-2000:]
            for xid, datagram in asked.items():
                rig.compare(datagram, replies.get(xid))
            logged = dnsmasq.lines()
            for xid, datagram in asked.items():
                if rig.is_broken(datagram):
                    continue
                mine = rig.log_lines(datagram)
                theirs = [line for line in logged if line.startswith(f"{xid} ")]
                if datagram.data[2] == 0:  # instead of a client id dnsmasq shows what lies there
                    mine, theirs = [[hide_mac(line) for line in side] for side in (mine, theirs)]
                assert theirs[: len(mine)] == mine, datagram  # asked twice, it is logged twice
                assert len(theirs) in (len(mine), 2 * len(mine)), (theirs, datagram)


def edges() -> str:
    """Menus and options of all sizes around where something gives way, each for an arch."""
    texts = (f"pxe-service={1000 + n},{'m' * n},7,10.9.9.9" for n in range(244, 253))
    servers = (f"pxe-service={2000 + n},A,7,10.9.9.9" for n in range(34, 40) for _ in range(n))
    tags = (f"dhcp-match=set:t{n},93,{n}" for n in (*range(3235, 3254), 3020, 3052, 3060))
    options = (
        f"dhcp-option=tag:t{n},vendor:PXEClient,200,{'v' * (n - 3000)}"
        for n in (*range(3235, 3254), 3020, 3052, 3060)
    )
    more = ("dhcp-match=set:more,77,more", f"dhcp-option=tag:more,vendor:PXEClient,201,{'w' * 240}")
    file = ("dhcp-match=set:file,175", "dhcp-boot=tag:file,file")
    start = ("port=0", "dhcp-range=10.88.0.1,proxy", "pxe-prompt=tag:never,x")
    return "\n".join((*start, *texts, *servers, *tags, *options, *more, *file, ""))


def at_an_edge(xid: int, arch: int, *more: tuple[int, bytes]) -> Datagram:
    class_and_uuid = ((60, b"PXEClient"), (97, bytes(17)))
    data = message((53, b"\3"), *class_and_uuid, (93, u16(arch)), *more, xid=xid)
    return Datagram(IPv4Address("10.88.0.50"), 68, IPv4Address("10.88.0.1"), 4011, data)


def test_dnsmasq_gives_way_at_the_same_sizes(cable: Cables, tmp_path: Path) -> None:
    arches = (*range(1244, 1253), *range(2034, 2040), *range(3235, 3254), 3020, 3052, 3060)
    with Dnsmasq(cable.server, edges(), tmp_path):
        rig = Rig(cable, edges(), "dqs0")
        for extra in itertools.product(
            ((77, b"more"), (77, b"none")),
            ((175, b"x"), (176, b"x")),
            ((57, u16(576)), (57, u16(640)), (57, u16(1500))),
            ((82, b"z" * 40), (83, b"")),
        ):
            asked = {arch: at_an_edge(arch, arch, *extra) for arch in arches}
            replies = rig.ask_patiently(asked)
            for arch, datagram in asked.items():
                rig.compare(datagram, replies.get(arch))
