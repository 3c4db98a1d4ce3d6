"""Names of scripts, with what a machine says of itself: what comes out is what the template says.

example: .venv/bin/python fuzz/fuzz_script.py --seconds 60
"""

import re
from ipaddress import IPv4Address

import msgspec
from fuzzing import run

from fastpxe.policy.ipxe_templates import TEXT_MAX, Machine, Scripts, question, split_name

FIELDS = Machine.__struct_fields__
TEMPLATE = "#!ipxe\n" + "".join(f"echo {{{{ {name} }}}}\n" for name in FIELDS)
WORD = r"[A-Za-z0-9_.~:%-]*"
EXPECTED = re.compile("#!ipxe\n" + f"echo {WORD}\n" * len(FIELDS))
SCRIPTS = Scripts(lambda name: (TEMPLATE, name, lambda: True))
ADDRESS = IPv4Address("10.0.0.2")
TOKENS = (
    *(f";{name}=".encode() for name in FIELDS), b";", b"=", b"${", b"}", b"\n", b"\r", b"||",
    b"&&", b" ", b"{{", b"}}", b"{%", b"#", b"%", b"\xff", b"\xe2\x80\xa8", b"\0", b"..", b"/",
    b"x86_64-efi", b"-pcbios", b"52-54-00-12-34-56", b"4c4c4544-0038-3610-804e-c4c04f4a5831",
)  # fmt: skip


def seeds() -> list[bytes]:
    return [
        b"boot.ipxe",
        b"boot.ipxe;mac=52-54-00-12-34-56;arch=x86_64-efi;serial=7CX2;product=;hostname=pc",
        b"boot.ipxe;uuid=4c4c4544-0038-3610-804e-c4c04f4a5831;manufacturer=a%20b;asset=x",
    ]


def check(data: bytes) -> None:
    path, machine = split_name(data.decode("utf-8", "replace"))
    assert ";" not in path
    asked = question(f"http://10.0.0.2/{path}")
    assert asked.startswith("#!ipxe\nchain --replace --autofree http://10.0.0.2/")
    assert asked.count("\n") == 2
    if machine is None:
        return
    machine.as_client(ADDRESS)
    script = SCRIPTS.render("x.ipxe", msgspec.structs.asdict(machine))
    assert EXPECTED.fullmatch(script), script
    assert len(script) <= len(TEMPLATE) + 3 * 4 * TEXT_MAX * len(FIELDS)


if __name__ == "__main__":
    run(check, seeds(), TOKENS, __doc__)
