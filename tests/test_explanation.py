"""Explanations: the three spellings of a UUID, and lines that a person can follow."""

from packets import GUID, GUID_TEXT, discover, message

from fastpxe.dhcp.decode import decode
from fastpxe.explanation import (
    Candidate,
    Explanation,
    Step,
    TagReason,
    describe_client,
    identity,
    text,
)


def test_a_uuid_is_spelled_in_every_way_with_lines_to_paste() -> None:
    found = identity(GUID)
    assert found.microsoft == GUID_TEXT
    assert found.rfc == "44454c4c-3800-1036-804e-c4c04f4a5831"
    assert found.wire == "00:44:45:4c:4c:38:00:10:36:80:4e:c4:c0:4f:4a:58:31"
    assert found.toml == f'uuid = "{GUID_TEXT}"'
    assert found.dnsmasq == f"dhcp-match=set:this-machine,97,{found.wire}"


def test_a_client_is_described_by_mac_arch_and_classes() -> None:
    described = describe_client(discover(arch=7, options={77: b"iPXE"}))
    assert described == (
        "52:54:00:12:34:56, uefi-x64 (7), vendor class 'PXEClient:Arch:00007:UNDI:003000', "
        "user class 'iPXE'"
    )


def test_a_client_that_says_nothing_is_described_too() -> None:
    assert describe_client(message(hlen=0)) == "no MAC"


def test_the_text_shows_tags_candidates_answer_and_silence() -> None:
    step = Step(
        title="DISCOVER on port 67",
        request=decode(discover()),
        tags=(TagReason("UEFI", "fog.conf:7"),),
        candidates=(
            Candidate(name="BIOS", verdict="lost", why="architecture"),
            Candidate(name="UEFI", verdict="won", why="every condition holds"),
        ),
        notes=("a note",),
        reply=decode(discover()),
        to="255.255.255.255:68",
        hexadecimal="02ff",
        delay_s=2,
    )
    silent = Step(title="REQUEST", request=decode(discover()), silence="no rule matches")
    lines = list(text(Explanation(client="c", identity=identity(GUID), steps=(step, silent))))
    for line in (
        "client: c",
        "   tag UEFI: fog.conf:7",
        "   BIOS: lost, architecture",
        "-> UEFI: won, every condition holds",
        "   a note",
        "   answer to 255.255.255.255:68 after 2 s:",
        "     hex 02ff",
        "   no answer: no rule matches",
    ):
        assert line in lines
