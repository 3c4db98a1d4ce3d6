"""What reaches port 80 of a running server: threats S10, S16 and S21."""
# ruff: noqa: N802 - S10 and the like are the numbers of the threats

import re

import pytest
from security_rig import FILE, SECRET, Victim

from fastpxe.tftp.packets import Rrq


@pytest.mark.parametrize(
    "path",
    [
        b"/../secret",
        b"../secret",
        b"/..\\secret",
        b"//../secret",
        b"/folder/../../secret",
        b"/%2e%2e/secret",
        b"/%2e%2e%2fsecret",
        b"/..%2fsecret",
        b"/..%5csecret",
        b"/%5c..%5csecret",
        b"/%252e%252e/secret",
        b"/..%c0%afsecret",
        b"/%c0%ae%c0%ae/secret",
        b"/%ef%bc%8e%ef%bc%8e/secret",
        b"/..;/secret",
        b"/C:/../secret",
        b"/out",
        b"/away/secret",
        b"/boot.efi/../../secret",
        b"/boot.efi%00/../../secret",
        b"/%00",
        b"http://x/../secret",
        b"file:///etc/passwd",
        b"//etc/passwd",
        b"/proc/self/environ",
        b"/",
        b"/folder",
        b"*",
        b"/?../secret",
    ],
)
def test_S10_no_path_leads_out_of_the_root(victim: Victim, path: bytes) -> None:
    answer = victim.get(path)
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer)
    assert SECRET not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize("method", [b"PUT", b"POST", b"DELETE", b"PATCH", b"MOVE", b"MKCOL"])
def test_S11_nothing_is_written(victim: Victim, method: bytes) -> None:
    before = sorted(victim.root.parent.rglob("*"))
    request = b" /boot.efi HTTP/1.0\r\nContent-Length: 3\r\nDestination: /x\r\n\r\nnew"
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", victim.http(method + request))
    assert sorted(victim.root.parent.rglob("*")) == before
    assert (victim.root / "boot.efi").read_bytes() == FILE


@pytest.mark.parametrize(
    "request_",
    [
        b"\0" * 5000,
        b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(200),  # a TLS client
        b"GET\r\n\r\n",
        b"GET /boot.efi HTTP/9.9\r\n\r\n",
        b"GET /boot.efi HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"GET /boot.efi HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\nA\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_S16_what_is_no_request_gets_400_and_its_connection_is_closed(
    victim: Victim, request_: bytes
) -> None:
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", victim.http(request_))
    victim.assert_well()


@pytest.mark.parametrize(
    "ranges",
    [
        b"0-,0-,0-",
        b"-0",
        b"5-2",
        b"0-18446744073709551616",
        b"99999999999999999999-",
        b"a-b",
        b",".join(b"%d-" % i for i in range(300)),
    ],
)
def test_S16_a_range_never_makes_more_of_a_file_than_there_is(
    victim: Victim, ranges: bytes
) -> None:
    answer = victim.http(b"GET /boot.efi HTTP/1.0\r\nRange: bytes=" + ranges + b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] (200|206|4\d\d) ", answer)
    assert len(answer) < len(FILE) + 1000


SAID = [
    b"x%0ashell",
    b"x%0d%0ashell",
    b"${netX/mac}",
    b"x%20||%20shell",
    b"x%26%26shell",
    b"%23%20no",
    b"../x",
    b"{{7*7}}",
    b"{%25raw%25}",
    b"%22%27`",
    b"%e2%80%a8shell",
    b"%ff%fe%00",
    b"a" * 900,
]


@pytest.mark.parametrize("said", SAID)
def test_S21_what_a_machine_says_is_no_command_of_its_script(victim: Victim, said: bytes) -> None:
    answer = victim.get(b"/ask.ipxe;serial=" + said + b";hostname=" + said)
    head, _, script = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert_harmless(script)


@pytest.mark.parametrize(
    "said", [b"x\nshell", b"${x}", b"a||b", b"{{7*7}}", b"\xff", b"\xe2\x80\xa8"]
)
def test_S21_nor_over_tftp(victim: Victim, said: bytes) -> None:
    name = b"ask.ipxe;serial=" + said + b";hostname=" + said
    answer = victim.to_port_69(bytes(Rrq(filename=name, mode="octet", options={})))
    assert_harmless(bytes(answer)[4:])


def assert_harmless(script: bytes) -> None:
    """The template's two lines, with two words that are letters, digits and percent signs."""
    assert re.fullmatch(rb"#!ipxe\necho [A-Za-z0-9_.~:%-]* [A-Za-z0-9_.~:%-]*\n", script)
    assert len(script) < 2 * 3 * 4 * 128 + 100
