"""What dnsmasq 2.90 did on the wire, recorded, against fastpxe with the same configuration.

Not compared: the texts of ERRORs (RFC 1350's here, with no path of the server), the order of
options in an OACK (that of the request here; RFC 2347 gives it no meaning), and the exact port.
The port is 69 for ERRORs and with tftp-single-port, inside tftp-port-range, or else a fresh one.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from project import TESTS
from tftp_rig import SILENCE, Outcome, Rig, make_tree

pytestmark = pytest.mark.netns

GOLDEN = TESTS / "dnsmasq" / "golden-tftp"
RECORDED_FOLDER = b"/tmp/dnsmasq-study"
NOBODY = ("tftp-nobody", "tftp-secure-nobody")


class Deviation(NamedTuple):
    """What fastpxe answers first, and why not what dnsmasq does."""

    first: tuple[str, ...]
    why: str


NO_NUMBER = Deviation(
    ("DATA #1 len=512", "DATA #2 len=512"),
    "a blksize under 8 or that is no number is left out (RFC 2348, RFC 2347)",
)
LATER = "granted, as by dnsmasq since 2.92"
NO_ROOT = Deviation(("ERROR 2",), "without tftp-root dnsmasq serves the whole machine: not here")
NETASCII = Deviation(
    ("DATA #1 len=512", "DATA #2 len=13"),
    "a CR becomes CR NUL (RFC 764): the client gets the same file back",
)
DEVIATIONS = {
    **dict.fromkeys(
        [f"tftp-basic/blksize-{value}" for value in ("7", "1", "0", "-5", "abc", "1468x")],
        NO_NUMBER,
    ),
    "tftp-basic/timeout-opt": Deviation(("OACK timeout 3",), LATER),
    "tftp-basic/windowsize": Deviation(("OACK windowsize 4",), LATER),
    "tftp-basic/all-opts": Deviation(
        ("OACK blksize 1000 timeout 3 tsize 3000 windowsize 4",), LATER
    ),
    "tftp-basic/netascii": NETASCII,
    "tftp-basic/netascii-tsize": NETASCII,
    "tftp-basic/symlink-out": Deviation(("ERROR 2",), "no file through a symlink out of the root"),
    **dict.fromkeys(
        [
            "tftp-noroot/tftp/f1",
            "tftp-noroot/tmp/dnsmasq-study/tftp/f1",
            "tftp-noroot/f1",
            "tftp-noroot/tftp/../outside.txt",
            "tftp-noroot/../..outside.txt",
        ],
        NO_ROOT,
    ),
}


def recordings() -> dict[str, list[dict[str, Any]]]:
    """The exchanges of each configuration; those of 2.92 are no configuration of their own."""
    files = sorted(GOLDEN.glob("*.json"))
    found = {file.stem: json.loads(file.read_text()) for file in files}
    return {name: entries for name, entries in found.items() if entries and "2.92" not in name}


RECORDED = recordings()


def configuration(name: str, folder: Path) -> str:
    """A recorded configuration, its roots moved below `folder`."""
    text = (GOLDEN / "configs" / f"{name}.conf").read_text()
    relative = f"tftp-root={str(folder).lstrip('/')}/tftp"
    text = text.replace("tftp-root=tmp/dnsmasq-study/tftp", relative)
    return re.sub(r"tftp-root=(tftp|nosuch)", rf"tftp-root={folder}/\1", text)


def recorded_outcome(entry: dict[str, Any]) -> Outcome:
    first = tuple(plain(reply["decoded"]) for reply in entry["replies"])
    return Outcome(first, entry["nreplies"], entry["total_data"])


def plain(decoded: str) -> str:
    """A recorded reply as tftp_rig.told has it."""
    kind, *rest = decoded.split()
    if kind == "ERROR":
        return f"ERROR {rest[0]}"
    if kind == "OACK":
        pairs = sorted(zip(rest[::2], rest[1::2], strict=True))
        return " ".join(["OACK", *(f"{name} {value}" for name, value in pairs)])
    return decoded


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # for servers that are not root
        make_tree(folder)
        rig = Rig(folder)
        yield rig
        rig.close()


@pytest.mark.parametrize("name", RECORDED)
def test_the_recorded_exchanges(rig: Rig, name: str) -> None:
    user = "nobody" if name in NOBODY else "root"
    with rig.fastpxe(configuration(name, rig.folder), user):
        for entry in RECORDED[name]:
            replay(rig, name, entry)


def replay(rig: Rig, name: str, entry: dict[str, Any]) -> None:
    wanted = recorded_outcome(entry)
    case = f"{name}/{entry['name']}"
    request = bytes.fromhex(entry["request_hex"]).replace(RECORDED_FOLDER, bytes(rig.folder))
    answer = rig.ask(request, entry["nreplies"] or 1, source=entry["request"]["src"][0])
    if case in DEVIATIONS:
        ours = DEVIATIONS[case].first
        assert answer.outcome.first[: len(ours)] == ours, case
        assert answer.outcome != wanted, f"{case} deviates no more"
    else:
        assert answer.outcome == wanted, case
        assert_same_start(answer.start, entry, case)
    check_ports(answer.ports, answer.outcome, name)


def assert_same_start(start: bytes, entry: dict[str, Any], case: str) -> None:
    recorded = [reply["hex"] for reply in entry["replies"] if reply["hex"].startswith("0003")]
    if recorded:
        assert start.startswith(bytes.fromhex(recorded[0].removesuffix("..."))[4:]), case


def check_ports(ports: set[int], outcome: Outcome, name: str) -> None:
    if outcome == SILENCE:
        assert not ports
    elif name == "tftp-singleport" or outcome.first[0].startswith("ERROR"):
        assert ports == {69}
    else:
        assert len(ports) == 1
        assert ports <= ({40000, 40001} if name == "tftp-portrange" else {*range(1024, 65536)})


def test_every_deviation_is_of_a_recorded_exchange() -> None:
    cases = {f"{name}/{entry['name']}" for name, entries in RECORDED.items() for entry in entries}
    assert set(DEVIATIONS) <= cases


def test_what_is_granted_beyond_2_90_is_what_2_92_grants() -> None:
    entries = json.loads((GOLDEN / "tftp-basic-2.92.json").read_text())
    granted = {f"tftp-basic/{e['name']}": recorded_outcome(e).first[:1] for e in entries}
    ours = {case: d.first for case, d in DEVIATIONS.items() if d.why == LATER}
    assert granted == ours


def test_a_missing_root_ends_the_start(rig: Rig) -> None:
    with rig.fastpxe(configuration("tftp-missing-root", rig.folder)) as process:
        assert not process.is_running()
        assert "nosuch: No such file or directory" in process.output()
