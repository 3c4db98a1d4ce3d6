"""iPXE scripts made for the machine that asks: Jinja2 templates, in a sandbox.

A machine first gets a question, a script that asks for the same name again with what only iPXE
knows of it: "boot.ipxe;mac=52-54-00-12-34-56;serial=7CX2;…". What comes back is then put in.

Sources:
  RFC 3986 section 3.3 (parameters of a path segment, ";name=value"); iPXE's settings `mac:hexhyp`,
  `serial:uristring`, `buildarch`, `platform`; its command line, which splits at white space, knows
  `||`, `&&`, `;` and `#` as words even in quotes, and expands `${…}` first.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import quote

import jinja2
import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fastpxe.dhcp.constants import ARCH_NAMES, Option
from fastpxe.dhcp.identity import microsoft_order
from fastpxe.errors import ScriptFailed
from fastpxe.firmware.requests import Client
from fastpxe.policy.hosts import parse_host

SUFFIX = ".ipxe"
TEXT_MAX = 128  # characters of what a machine says of itself

# Setting by setting, what a machine is asked for, as iPXE writes it into a path.
_ASKED = {
    "mac": "${netX/mac:hexhyp}",
    "uuid": "${uuid}",
    "arch": "${buildarch}-${platform}",
    "serial": "${serial:uristring}",
    "manufacturer": "${manufacturer:uristring}",
    "product": "${product:uristring}",
    "asset": "${asset:uristring}",
    "hostname": "${hostname:uristring}",
}

# iPXE's own names of what it was built for.
_ARCHES = {
    "i386-efi": "uefi-ia32",
    "x86_64-efi": "uefi-x64",
    "arm32-efi": "uefi-arm32",
    "arm64-efi": "uefi-arm64",
    "riscv32-efi": "uefi-riscv32",
    "riscv64-efi": "uefi-riscv64",
    "loong64-efi": "uefi-loongarch64",
}

# What may stand in a word of iPXE's command line as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_.~:-]*")

Load = Callable[[str], tuple[str, str | None, Callable[[], bool]] | None]


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine said of itself; nothing of it is proved. Empty where it said nothing.

    mac: "52:54:00:12:34:56". uuid: as its label has it. arch: a name of constants.ARCH_NAMES. The
    others are SMBIOS texts, and the name that DHCP gave it.
    """

    mac: str = ""
    uuid: str = ""
    arch: str = ""
    serial: str = ""
    manufacturer: str = ""
    product: str = ""
    asset: str = ""
    hostname: str = ""

    def as_client(self, address: IPv4Address) -> Client:
        """Return the iPXE of this machine, whose address is known, as it asks DHCP servers."""
        arch = ARCH_NAMES[self.arch or "bios"][0]
        return Client(
            arch=arch,
            mac=parse_host(self.mac)[1][0] if self.mac else bytes(6),
            uuid=microsoft_order(parse_host(self.uuid)[1][0]) if self.uuid else None,
            ipxe=True,
            extra={Option.SUBNET_SELECTION: address.packed},
        )


class Unescaped(str):
    """A text that goes into a script as it is."""

    __slots__ = ()


def split_name(name: str) -> tuple[str, Machine | None]:
    """Part a requested name from what the machine says of itself, None if it was not yet asked."""
    path, *parameters = name.split(";")
    if not parameters:
        return path, None
    said = dict(parameter.partition("=")[::2] for parameter in parameters)
    texts = {
        key: said.get(key, "")[:TEXT_MAX]
        for key in ("serial", "manufacturer", "product", "asset", "hostname")
    }
    return path, Machine(
        mac=_named(said.get("mac", ""), 17),
        uuid=_named(said.get("uuid", ""), 36),
        arch=_arch(said.get("arch", "")),
        **texts,
    )


def _named(text: str, size: int) -> str:
    """A MAC address or a UUID as it is written here, or nothing."""
    try:
        name, _ = parse_host(text)
    except ValueError:
        return ""
    return name if len(name) == size else ""


def _arch(text: str) -> str:
    return "bios" if text.endswith("-pcbios") else _ARCHES.get(text, "")


def question(url: str) -> str:
    """The script that asks for `url` again, with what a machine knows of itself."""
    parameters = "".join(f";{name}={setting}" for name, setting in _ASKED.items())
    return f"#!ipxe\nchain --replace --autofree {quote(url, safe=':/')}{parameters}\n"


def escape(value: object) -> str:
    """Write a value so that it is one word to iPXE, and one component of a path: as in a URL.

    Percent signs are all that iPXE leaves alone whatever stands around them.
    """
    text = str(value)
    if isinstance(value, Unescaped) or _PLAIN.fullmatch(text):
        return text
    return quote(text, safe=":")


class Scripts:
    """The templates of a folder. `load` is as of jinja2.FunctionLoader."""

    def __init__(self, load: Load) -> None:
        self._templates = ImmutableSandboxedEnvironment(
            loader=jinja2.FunctionLoader(load),
            undefined=jinja2.StrictUndefined,
            finalize=escape,
            keep_trailing_newline=True,
        )
        self._templates.filters["safe"] = Unescaped

    def check(self, name: str) -> None:
        """Compile a template. Raises ScriptFailed with its line."""
        try:
            self._templates.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            raise ScriptFailed(f"{error.name or name}:{error.lineno}: {error.message}") from error

    def render(self, name: str, values: dict[str, Any]) -> str:
        """The script for a machine. Raises ScriptFailed with the template's line."""
        try:
            return self._templates.get_template(name).render(values)
        except jinja2.TemplateSyntaxError as error:
            raise ScriptFailed(f"{error.name or name}:{error.lineno}: {error.message}") from error
        except jinja2.TemplateNotFound as error:
            raise ScriptFailed(f"{name}: there is no template {error.name!r}") from error
        except Exception as error:  # a template may raise anything that Python does
            raise ScriptFailed(f"{name}:{_line_of(error, name)}: {error}") from error


def _line_of(error: Exception, name: str) -> int | str:
    """Where in the template it happened: jinja2 rewrites the traceback so that it says."""
    line: int | str = "?"
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename in (name, "<template>"):
            line = at.tb_lineno
        at = at.tb_next
    return line
