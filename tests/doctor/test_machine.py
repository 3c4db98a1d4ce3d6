"""From facts about a machine to findings."""

from ipaddress import IPv4Interface
from typing import Any

import msgspec
import pytest

from fastpxe.doctor.machine import (
    Buffers,
    Holder,
    Link,
    Machine,
    Port,
    Privileges,
    RootFile,
    RootFiles,
    findings,
)
from fastpxe.doctor.report import Finding

ETH0 = Link(name="eth0", networks=(IPv4Interface("10.0.0.5/24"),))
WELL = Machine(
    refusal="",
    ports=(Port(kind="UDP", number=67),),
    privileges=Privileges(user=0),
    links=(ETH0,),
    buffers=Buffers(wanted=1 << 20, granted=1 << 20, rmem_max=1 << 18, descriptors=65536),
    roots=(RootFiles(path="/srv", files=(RootFile(name="a.efi", rule="rule 'a'", size=1000),)),),
)
DNSMASQ = Holder(pid=812, program="dnsmasq", user="dnsmasq")
FASTPXE = Holder(pid=90, program="fastpxe", user="root", serves="-c my.toml")
UNSEEN = Holder(pid=0)


def about(name: str, **facts: Any) -> Finding:
    """The only finding of that name, when these facts are other than well."""
    (found,) = (one for one in findings(msgspec.structs.replace(WELL, **facts)) if one.name == name)
    return found


def not_ok(**facts: Any) -> dict[str, str]:
    found = findings(msgspec.structs.replace(WELL, **facts))
    return {one.name: one.level for one in found if one.level != "ok"}


def port(**facts: Any) -> dict[str, Any]:
    return {"ports": (Port(kind="UDP", number=67, **facts),)}


def link(**facts: Any) -> dict[str, Any]:
    return {"links": (msgspec.structs.replace(ETH0, **facts),)}


def test_a_machine_that_is_well_has_no_finding_but_ok() -> None:
    found = list(findings(WELL))
    assert {one.level for one in found} == {"ok"}
    assert all(one.saw and not one.advice for one in found)
    assert [one.name for one in found] == [
        "port-67", "privileges", "interface", "receive-buffer", "descriptors", "files"
    ]  # fmt: skip


def test_whatever_isn_t_ok_says_what_to_do() -> None:
    worst = Machine(
        refusal="interface x is not up; those that are: lo",
        ports=(
            Port(kind="UDP", number=67, holders=(DNSMASQ,), refusal="held; stop it"),
            Port(kind="UDP", number=69, is_denied=True),
        ),
        privileges=Privileges(user=1, lacks=frozenset({"CAP_NET_BIND_SERVICE"}), way_out="sudo"),
        links=(Link(name="x", is_present=False), Link(name="docker0"), Link(name="y", mtu=9)),
        buffers=Buffers(wanted=2, granted=1, rmem_max=1, descriptors=10),
        roots=(RootFiles(path="", failure="no root; make one"),),
    )
    found = list(findings(worst))
    assert len(found) == 10
    assert all(one.advice for one in found)


def test_a_free_port_is_well() -> None:
    assert about("port-67").saw == "free"


def test_a_port_of_a_running_fastpxe_is_well_and_says_what_it_serves() -> None:
    found = about("port-67", **port(holders=(FASTPXE,), refusal="held"))
    assert found.level == "ok"
    assert found.saw == "fastpxe serve -c my.toml (pid 90, user root): it is running"


def test_a_port_that_another_has_is_a_problem_with_the_way_out() -> None:
    found = about("port-67", **port(holders=(DNSMASQ,), refusal="held by x; stop it, or share it"))
    assert (found.level, found.saw) == ("problem", "held by dnsmasq (pid 812, user dnsmasq)")
    assert found.advice == "stop it, or share it"


def test_a_port_that_another_shares_is_well() -> None:
    found = about("port-67", **port(holders=(DNSMASQ,)))
    assert found.level == "ok"
    assert found.saw == "free; dnsmasq (pid 812, user dnsmasq) has it too, out of the way"


def test_a_port_whose_holder_can_t_be_seen_asks_for_root() -> None:
    found = about("port-67", **port(holders=(UNSEEN,), refusal="in use; stop it"))
    assert (found.level, found.saw) == ("unknown", "held by a program that only root may see")
    assert found.advice.startswith(
        "as root, fastpxe doctor sees by whom; unless that is fastpxe: stop it"
    )


@pytest.mark.parametrize("holders", [(), (UNSEEN,)])
def test_a_port_that_one_may_not_try_is_unknown(holders: tuple[Holder, ...]) -> None:
    found = about("port-67", **port(holders=holders, is_denied=True, refusal="no"))
    assert (found.level, found.advice) == ("unknown", "run it as root: sudo fastpxe doctor")


def test_a_missing_privilege_matters_until_fastpxe_runs() -> None:
    lacks = Privileges(user=1, lacks=frozenset({"CAP_NET_BIND_SERVICE"}), way_out="sudo")
    assert about("privileges", privileges=lacks).level == "warning"
    assert about("privileges", privileges=lacks, **port(holders=(FASTPXE,))).level == "ok"


def test_without_cap_net_admin_the_buffer_s_finding_says_all() -> None:
    lacks = Privileges(user=1, lacks=frozenset({"CAP_NET_ADMIN"}))
    assert about("privileges", privileges=lacks).saw == "user 1, without CAP_NET_ADMIN"
    short = Buffers(wanted=64 << 20, granted=212_992, rmem_max=212_992, descriptors=65536)
    found = about("receive-buffer", privileges=lacks, buffers=short)
    assert (found.level, found.saw) == (
        "warning", "212,992 bytes of 67,108,864 wanted: 332 waiting requests"
    )  # fmt: skip
    assert "net.core.rmem_max=67108864 net.core.wmem_max=67108864" in found.advice
    assert "(the first is 212992)" in found.advice


def test_few_descriptors_are_a_warning() -> None:
    few = msgspec.structs.replace(WELL.buffers, descriptors=1000)
    assert not_ok(buffers=few) == {"descriptors": "warning"}


@pytest.mark.parametrize(
    ("facts", "level", "saw"),
    [
        ({"is_present": False}, "problem", "there is none of this name"),
        ({"is_up": False}, "problem", "it is down"),
        ({"networks": ()}, "problem", "it has no IPv4 address"),
        ({"has_carrier": False}, "problem", "10.0.0.5/24, but no carrier"),
        ({"mtu": 1400}, "warning", "10.0.0.5/24, MTU 1400"),
        ({"mtu": 9000}, "ok", "10.0.0.5/24, up, MTU 9000"),
        (
            {"networks": (IPv4Interface("10.0.0.5/24"), IPv4Interface("10.1.0.5/24"))},
            "warning", "10.0.0.5/24, 10.1.0.5/24: several networks",
        ),
        (
            {"networks": (IPv4Interface("10.0.0.5/24"), IPv4Interface("10.0.0.6/24"))},
            "ok", "10.0.0.5/24, 10.0.0.6/24, up, MTU 1500",
        ),
    ],
)  # fmt: skip
def test_the_state_of_an_interface(facts: dict[str, Any], level: str, saw: str) -> None:
    found = about("interface", **link(is_named=True, **facts))
    assert (found.level, found.saw, found.about) == (level, saw, "interface eth0")
    assert bool(found.advice) is (level != "ok")


def test_networks_of_containers_alone_boot_nothing() -> None:
    docker = msgspec.structs.replace(ETH0, name="docker0")
    bridge = msgspec.structs.replace(ETH0, name="br-0a1b2c")
    assert not_ok(links=(docker, bridge)) == {"interface": "warning", "containers-only": "problem"}
    assert not_ok(links=(docker, ETH0)) == {"interface": "warning"}


def test_a_bridge_that_is_named_is_meant() -> None:
    assert not_ok(**link(name="virbr0", is_named=True)) == {}


def test_a_start_that_is_refused_is_a_problem() -> None:
    found = about("start", refusal="interface x is not up; those that are: lo")
    assert (found.level, found.saw, found.advice) == (
        "problem", "interface x is not up", "those that are: lo"
    )  # fmt: skip


def test_files_are_told_with_their_sizes() -> None:
    assert about("files").saw == "a.efi 1,000 bytes"


def test_missing_and_empty_files_are_problems_with_their_rules() -> None:
    files = (
        RootFile(name="a", rule="rule 'a'", size=None, why_not="no such file"),
        RootFile(name="b", rule="rule 'b'", size=0),
    )
    roots = (RootFiles(path="/srv", files=files),)
    assert not_ok(roots=roots) == {"missing-file": "problem", "empty-file": "problem"}
    missing = about("missing-file", roots=roots)
    assert missing.saw == "can't be served: a (rule 'a': no such file)"
    assert about("empty-file", roots=roots).saw == "empty: b"


@pytest.mark.parametrize(("unasked", "level"), [(True, "unknown"), (False, "problem")])
def test_a_missing_root_matters_where_it_was_asked_for(unasked: bool, level: str) -> None:  # noqa: FBT001 - a row of the table
    roots = (RootFiles(path="", failure="none is there; make it", is_unasked=unasked),)
    found = about("root", roots=roots)
    assert (found.level, found.saw) == (level, "none is there")
    assert found.advice.endswith("make it")
