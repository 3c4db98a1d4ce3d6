"""More than it can answer, for a minute: who is in the middle of a boot goes on.

The generator has the worker's core, and goes before it: some twenty requests come for each that is
answered. The receive buffer holds a thousand.
"""

import os
import socket
import threading
import time
from collections import Counter
from ipaddress import IPv4Address
from pathlib import Path

import psutil
import pytest
from fault_rig import Metrics, memory_of, metrics, wait_until
from packets import Reply, request_4011
from storm_rig import CLIENTS, RULES, SERVERS, Lan
from wire_rig import workers_of

from fastpxe.monitor.journal import MACHINES_MAX
from fastpxe.net.sockets import SO_RCVBUFFORCE
from fastpxe.probe.storm import rehearse
from fastpxe.storm.plan import Plan, parse_mix
from fastpxe.storm.report import Result

pytestmark = [pytest.mark.netns, pytest.mark.load]

WARM_UP_S, OVERLOAD_S, CLIENTS_EACH = 20, 60, 60_000
GROWTH_MAX = 4 << 20  # bytes of a process
PLAN = Plan(kinds=parse_mix("uefi-x64"), clients=CLIENTS_EACH, wait_s=0.1)


class InBoot(threading.Thread):
    """A machine on port 4011 that asks, waits for its ACK, and asks again."""

    def __init__(self, lan: Lan) -> None:
        super().__init__()
        self.sock = lan.clients.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        self.sock.settimeout(20)
        self.sock.bind((CLIENTS, 4011))
        self.is_over = threading.Event()
        self.asked = self.answered = 0

    def run(self) -> None:
        while not self.is_over.is_set():
            self.asked += 1
            self.sock.sendto(
                request_4011(xid=self.asked, ciaddr=IPv4Address(CLIENTS)), (SERVERS[0], 4011)
            )
            while Reply(self.sock.recv(2048)).number("xid") != self.asked:
                pass
            self.answered += 1


def is_told(found: Metrics) -> bool:
    """Whether each answer has been told of, or counted as too many."""
    told = found.get(("fastpxe_rule_answers_total", "x64"), 0) + found["fastpxe_events_lost_total",]
    return told == found["fastpxe_dhcp_datagrams_total", "answered"]


def shoot(lan: Lan) -> None:
    """Send requests as fast as one core can."""

    def shoot_from_the_worker_s_core() -> Result:
        os.sched_setaffinity(0, [0])
        return rehearse(PLAN, lan.interface(), lambda _generator: None)

    result = lan.inside(shoot_from_the_worker_s_core)
    assert result.sent == CLIENTS_EACH


def test_an_overload_is_counted_and_holds_up_no_boot(tmp_path: Path) -> None:
    with Lan(tmp_path) as lan:
        process = lan.serve(0, f"[dhcp]\nreceive_buffer = 1_280_000\n{RULES}", "--workers", "1")
        server = lan.servers[0]
        (worker,) = map(psutil.Process, workers_of(process))
        shots = 0
        while metrics(server).get(("fastpxe_machines", "offer")) != MACHINES_MAX:
            shoot(lan)
            shots += 1
            wait_until(server, is_told)
        worker.cpu_affinity([0])
        worker.nice(19)
        # What is filled once doesn't count: the journal, then in an overload the whole ring, which
        # the worker writes and the process that logs reads afterwards.
        end = time.monotonic() + WARM_UP_S
        while time.monotonic() < end:
            shoot(lan)
            shots += 1
        wait_until(server, is_told)
        before, most = memory_of(process), Counter[str]()
        booting = InBoot(lan)
        booting.start()
        end = time.monotonic() + OVERLOAD_S
        while time.monotonic() < end:
            shoot(lan)
            shots += 1
            most |= Counter(memory_of(process))
        booting.is_over.set()
        booting.join()
        booting.sock.close()
        found = wait_until(server, is_told)
        most |= Counter(memory_of(process))
        assert workers_of(process) == [worker.pid]
    assert booting.answered == booting.asked > 0
    answered = found["fastpxe_dhcp_datagrams_total", "answered"] - booting.asked
    dropped = found["fastpxe_dhcp_dropped_total",]
    assert answered + dropped == shots * CLIENTS_EACH
    assert dropped > 5 * answered
    assert {name: size for name, size in most.items() if size > before[name] + GROWTH_MAX} == {}
