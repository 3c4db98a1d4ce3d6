"""The web page in a real browser: it goes on by itself, and shows what it should."""

import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from browser import Browser
from packets import discover
from project import PICTURES
from wire_rig import LIMIT_S, SERVER, Wire

pytestmark = pytest.mark.netns

RULES = """
[[boot]]
name = "iPXE script"
ipxe = true
file = "boot.ipxe"

[[boot]]
name = "all x64 machines"
arch = "uefi-x64"
file = "snponly.efi"
"""


def boot(wire: Wire, last: int) -> None:
    """A machine asks."""
    wire.broadcast(discover(7, chaddr=bytes.fromhex(f"5254000000{last:02x}")))


def fetch(wire: Wire, name: str) -> None:
    """The client of this wire asks for a file."""
    command = wire.client.command("curl", "-s", "-o", "/dev/null", f"tftp://{SERVER}/{quote(name)}")
    subprocess.run(command, check=False, timeout=LIMIT_S)


@pytest.fixture
def page(wire: Wire) -> Iterator[Browser]:
    (wire.folder / "snponly.efi").write_bytes(bytes(200_000))
    (wire.folder / "boot.ipxe").write_bytes(b"#!ipxe\n")
    wire.serve(RULES)
    with Browser(wire.server, wire.folder) as browser:
        browser.open("http://127.0.0.1:8067/")
        browser.wait_for("document.getElementById('state')?.textContent == 'live'")
        yield browser


def test_the_page_goes_on_by_itself(wire: Wire, page: Browser) -> None:
    assert page.evaluate("document.querySelectorAll('#booting tr').length") == 0
    boot(wire, 7)
    page.wait_for("document.querySelector('#booting summary')?.textContent == '52:54:00:00:00:07'")
    assert page.evaluate("document.querySelector('#rules .number').textContent") == "0"
    page.evaluate("document.querySelector('#booting details').open = true")
    boot(wire, 8)
    page.wait_for("document.querySelectorAll('#booting details').length == 2")
    # What a reader has opened stays open.
    assert page.evaluate("document.querySelectorAll('#booting details[open]').length") == 1


def test_of_a_machine_s_boots_before_only_the_one_that_was_opened_is_open(
    wire: Wire, page: Browser
) -> None:
    wire.client.ip("link set eth0 address 52:54:00:00:00:07")
    for _ in range(3):
        boot(wire, 7)
        fetch(wire, "snponly.efi")
    before = "document.querySelectorAll('#history details')"
    page.wait_for(f"{before}.length == 2")
    page.evaluate(f"{before}[0].open = true")
    boot(wire, 7)
    page.wait_for(f"{before}.length == 3")
    assert page.evaluate(f"[...{before}].map(one => one.open)") == [False, True, False]


def test_the_page_goes_on_with_a_token(wire: Wire) -> None:
    token = "a long secret & more"  # noqa: S105 - it guards this test alone
    wire.serve(f'{RULES}[admin]\naddress = "{SERVER}"\ntoken = "{token}"\n')
    with Browser(wire.client, wire.folder) as browser:
        browser.open(f"http://{SERVER}:8067/?token={quote(token)}")
        browser.wait_for("document.getElementById('state')?.textContent == 'live'")
        assert browser.evaluate("document.styleSheets.length") == 1
        boot(wire, 7)
        browser.wait_for("document.querySelectorAll('#booting details').length == 1")
        browser.open(browser.evaluate("document.querySelector('footer a').href"))
        browser.wait_for("document.body?.innerText.includes('fastpxe_build_info')")


def test_a_name_off_the_wire_runs_nothing(wire: Wire, page: Browser) -> None:
    fetch(wire, "<img src=x onerror=document.title='run'>")
    page.wait_for("document.querySelectorAll('#problems td').length == 5")
    assert "onerror" in page.evaluate("document.getElementById('problems').innerText")
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("document.title") == "fastpxe"


def test_machines_are_counted_and_their_problems_too(wire: Wire, page: Browser) -> None:
    figures = "document.getElementById('figures').innerText"
    assert "0 stuck" in page.evaluate(figures).replace("\n", " ")
    boot(wire, 7)
    fetch(wire, "kernel")
    page.wait_for(f"{figures}.includes('1\\nstuck')")
    assert "1\nbooting" in page.evaluate(figures)
    page.wait_for("document.querySelectorAll('#errors td').length == 4")
    errors = page.evaluate("document.getElementById('errors').innerText")
    assert "missing-file\t1\tit asked for …, which isn't there" in errors


def test_only_what_is_asked_for_is_shown(wire: Wire, page: Browser) -> None:
    """And goes on to be: machines that come later are left out too."""
    shown = "document.querySelectorAll('#booting tbody tr:not([hidden])').length"
    boot(wire, 7)
    boot(wire, 8)
    page.wait_for(f"{shown} == 2")
    page.evaluate("filter.value = ':00:08'; filter.dispatchEvent(new Event('input'))")
    assert page.evaluate(shown) == 1
    boot(wire, 9)
    page.wait_for("document.querySelectorAll('#booting tbody tr').length == 3")
    assert page.evaluate(shown) == 1


def test_a_picture_of_the_page(wire: Wire, page: Browser, request: pytest.FixtureRequest) -> None:
    """It is made anew for the documentation with --update-pictures."""
    for last in range(1, 7):
        boot(wire, last)
    fetch(wire, "snponly.efi")
    fetch(wire, "kernel")
    page.wait_for("document.querySelectorAll('#booting details').length == 7")
    page.wait_for("document.querySelectorAll('#problems td').length == 5")
    picture = page.screenshot()
    assert picture.startswith(b"\x89PNG")
    if request.config.getoption("--update-pictures"):
        hide = "document.getElementById('summary').textContent = 'eth0 10.99.0.1; UDP 67+4011+69'"
        page.evaluate(hide)  # the summary names the folder of this test
        (PICTURES / "page.png").write_bytes(page.screenshot())
