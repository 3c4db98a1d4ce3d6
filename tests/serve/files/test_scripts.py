"""Scripts made for machines, from templates on disk."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fastpxe.errors import ScriptFailed
from fastpxe.firmware.requests import Client
from fastpxe.policy.schema import HttpSettings
from fastpxe.serve.files.root import Root
from fastpxe.serve.files.scripts import TEMPLATE_MAX, Place, ScriptMaker

PLACE = Place(IPv4Address("10.0.0.100"), IPv4Address("10.0.0.2"), "eth0", "tftp://10.0.0.2")
TEMPLATE = "{{ mac }} {{ uuid }} {{ arch }} {{ boot }} {{ rule }} {{ server }} {{ address }}"
SAID = b";mac=52-54-00-12-34-56;uuid=4c4c4544-0038-3610-804e-c4c04f4a5831;arch=arm64-efi"


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Callable[[HttpSettings], ScriptMaker]]:
    root = Root(str(tmp_path))

    def decide(client: Client, interface: str) -> tuple[str, str]:
        return "installer", f"rule of {client.mac.hex()} on {interface}"

    yield lambda http: ScriptMaker(root, http, decide)
    root.close()


@pytest.fixture
def scripts(maker: Callable[[HttpSettings], ScriptMaker]) -> ScriptMaker:
    return maker(HttpSettings())


def made(scripts: ScriptMaker, name: bytes) -> tuple[str, bool]:
    found = scripts.make(name, PLACE)
    assert found is not None
    with found.file as file:
        return b"".join(file.pieces()).decode(), found.is_question


def test_a_machine_is_first_asked_and_then_served(scripts: ScriptMaker, tmp_path: Path) -> None:
    (tmp_path / "boot.ipxe").write_text(TEMPLATE)
    text, is_question = made(scripts, b"boot.ipxe")
    assert is_question
    assert "tftp://10.0.0.2/boot.ipxe;mac=${netX/mac:hexhyp};" in text
    text, is_question = made(scripts, b"/boot.ipxe" + SAID)
    assert not is_question
    assert text == (
        "52:54:00:12:34:56 4c4c4544-0038-3610-804e-c4c04f4a5831 uefi-arm64 installer "
        "rule%20of%20525400123456%20on%20eth0 10.0.0.2 10.0.0.100"
    )


def test_files_are_where_they_are_served(
    maker: Callable[[HttpSettings], ScriptMaker], tmp_path: Path
) -> None:
    (tmp_path / "a.ipxe").write_text("{{ files }}")
    for http, where in (
        (HttpSettings(), "tftp://10.0.0.2"),
        (HttpSettings(enabled=True), "http://10.0.0.2"),
        (HttpSettings(enabled=True, port=8080), "http://10.0.0.2:8080"),
    ):
        assert made(maker(http), b"a.ipxe;")[0] == where


@pytest.mark.parametrize("name", [b"gone.ipxe", b"boot.txt", b"../boot.ipxe", b"d.ipxe", b"", b";"])
def test_what_is_no_template_is_left_to_the_root(
    scripts: ScriptMaker, tmp_path: Path, name: bytes
) -> None:
    (tmp_path / "boot.txt").touch()
    (tmp_path / "d.ipxe").mkdir()
    assert scripts.make(name, PLACE) is None
    assert scripts.make(name + SAID, PLACE) is None


def test_a_template_that_was_changed_is_read_again(scripts: ScriptMaker, tmp_path: Path) -> None:
    for text in ("one", "two!", "three"):
        (tmp_path / "a.ipxe").write_text(text)
        assert made(scripts, b"a.ipxe;")[0] == text


def test_a_template_may_include_another_and_its_change_counts(
    scripts: ScriptMaker, tmp_path: Path
) -> None:
    (tmp_path / "a.ipxe").write_text("{% include 'part' %}")
    for text in ("one", "two!"):
        (tmp_path / "part").write_text(text)
        assert made(scripts, b"a.ipxe;")[0] == text


def test_nothing_outside_the_folder_is_included(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "a.ipxe").write_text("{% include '../secret' %}")
    (folder / "b.ipxe").write_text("{% include 'link' %}")
    (folder / "link").symlink_to(tmp_path / "secret")
    root = Root(str(folder))
    scripts = ScriptMaker(root, HttpSettings(), lambda *_: ("", ""))
    for name in (b"a.ipxe;", b"b.ipxe;"):
        with pytest.raises(ScriptFailed, match="no template"):
            scripts.make(name, PLACE)
    root.close()


def test_a_check_tells_what_is_wrong_with_a_template(scripts: ScriptMaker, tmp_path: Path) -> None:
    (tmp_path / "fine.ipxe").write_text("{{ mac }}")
    (tmp_path / "bad.ipxe").write_text("#!ipxe\n{% if %}")
    assert scripts.check("fine.ipxe") == ""
    assert scripts.check("bad.ipxe").startswith("bad.ipxe:2: ")


def test_a_template_that_is_none_is_told(scripts: ScriptMaker, tmp_path: Path) -> None:
    (tmp_path / "a.ipxe").write_bytes(b"\xff")
    (tmp_path / "b.ipxe").write_bytes(b"x" * (TEMPLATE_MAX + 1))
    for name, why in ((b"a.ipxe;", "not UTF-8"), (b"b.ipxe;", "larger than")):
        with pytest.raises(ScriptFailed, match=why):
            scripts.make(name, PLACE)
