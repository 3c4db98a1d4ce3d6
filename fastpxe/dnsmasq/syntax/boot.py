"""The directives of the reply: boot files, menus, and the options inside option 43.

Sources:
  dnsmasq 2.90, its manual and its behaviour; 2.91 for dhcp-option-pxe.
"""

from fastpxe.dhcp.pxe_options import WAIT_FOREVER, SubOption
from fastpxe.dnsmasq.syntax.builder import ConfigBuilder, Directive
from fastpxe.dnsmasq.syntax.fields import (
    as_bytes,
    as_text,
    leading_tags,
    plain,
    read_ipv4,
    read_tag,
    split,
    split_all,
    whole_number,
)
from fastpxe.dnsmasq.syntax.lines import SourceLine
from fastpxe.dnsmasq.syntax.model import (
    BootServer,
    DhcpBoot,
    PxeOption,
    PxeService,
    ReplyDelay,
    Tags,
    VendorOption,
)
from fastpxe.dnsmasq.syntax.option_values import read_name, read_value

CSA_NAMES = (
    "x86pc",
    "pc98",
    "ia64_efi",
    "alpha",
    "arc_x86",
    "intel_lean_client",
    "ia32_efi",
    "x86-64_efi",
    "xscale_efi",
    "bc_efi",
    "arm32_efi",
    "arm64_efi",
)
FIRST_SERVICE = 32768  # this and greater numbers are for vendors (PXE 2.1)


def dhcp_boot(line: SourceLine, builder: ConfigBuilder) -> None:
    tags, value = _tags_and_value(line, "write tag:TAG,FILE")
    file, sname, server = (*split_all(value, at_most=3), "", "")[:3]
    builder.boots.append(
        DhcpBoot(
            where=line.where,
            text=line.text,
            tags=tags,
            file=as_text(file),
            sname=as_text(sname),
            server=_server(plain(server)),
        )
    )


def _server(text: str) -> BootServer:
    """An IPv4 address, else a host name. A quoted digit is not part of an address."""
    address = read_ipv4(text)
    return BootServer(address) if address is not None else BootServer(None, as_text(text))


def pxe_service(line: SourceLine, builder: ConfigBuilder) -> None:
    _, value = tags_and_rest = leading_tags(line.value or "")
    csa, menu = split(value) if value is not None else ("", None)
    if menu is None:
        raise line.error("a client type and a menu text are required; write x86PC,TEXT,FILE")
    menu, kind, server = (*split_all(menu, at_most=3), "", "")[:3]
    number = whole_number(kind)
    with_file = sum(service.basename is not None for service in builder.services)
    builder.services.append(
        PxeService(
            where=line.where,
            text=line.text,
            tags=tags_and_rest[0],
            csa=_csa(line, csa),
            menu=as_text(menu),
            basename=None if number is not None else as_text(kind),
            type=(FIRST_SERVICE + with_file if number is None else number) & 0xFFFF,
            server=_server(server),
        )
    )
    builder.is_pxe_enabled = True


def _csa(line: SourceLine, field: str) -> int:
    if field.lower() in CSA_NAMES:
        return CSA_NAMES.index(field.lower())
    number = whole_number(field)
    if number is not None:
        return number
    raise line.error(
        f'"{as_text(field)}" is not a client type; write x86PC, BC_EFI, x86-64_EFI, IA32_EFI,'
        " ARM64_EFI or the number of an architecture"
    )


def pxe_prompt(line: SourceLine, builder: ConfigBuilder) -> None:
    tags, value = _tags_and_value(line, "write tag:TAG,TEXT,SECONDS")
    prompt, timeout = split(value)
    seconds = whole_number(timeout) if timeout is not None else None
    builder.vendor_options.append(
        VendorOption(
            where=line.where,
            text=line.text,
            tags=tags,
            vendor_class=None,
            code=SubOption.MENU_PROMPT,
            value=bytes([WAIT_FOREVER if seconds is None else seconds & 0xFF]) + as_bytes(prompt),
        )
    )
    builder.is_pxe_enabled = True


def dhcp_option(line: SourceLine, builder: ConfigBuilder) -> None:
    """A proxy reply has only options that are inside option 43."""
    name, rest = read_name(line, line.value or "", is_match=False)
    value = read_value(line, name, rest)
    if name.vendor_class is None or name.is_ipv6:
        builder.note(line, "a proxy reply has no options other than vendor:PXEClient,…")
        return
    builder.vendor_options.append(
        VendorOption(
            where=line.where,
            text=line.text,
            tags=tuple(read_tag(tag) for tag in name.tags),
            vendor_class=as_bytes(name.vendor_class),
            code=name.code & 0xFF,
            value=value.data,
        )
    )


def dhcp_option_pxe(line: SourceLine, builder: ConfigBuilder) -> None:
    name, rest = read_name(line, line.value or "", is_match=False)
    value = read_value(line, name, rest)
    if name.is_inside or name.is_ipv6:
        raise line.error("vendor:, encap: and IPv6 are not allowed here; use dhcp-option for them")
    builder.pxe_options.append(
        PxeOption(
            where=line.where,
            text=line.text,
            tags=tuple(read_tag(tag) for tag in name.tags),
            code=name.code & 0xFF,
            value=value.data,
            is_address_list=value.can_be_own_address,
        )
    )


def dhcp_pxe_vendor(line: SourceLine, builder: ConfigBuilder) -> None:
    builder.pxe_vendors += [as_text(field) for field in split_all(line.value or "")]


def dhcp_reply_delay(line: SourceLine, builder: ConfigBuilder) -> None:
    tags, value = _tags_and_value(line, "write tag:TAG,2")
    seconds = whole_number(value)
    if seconds is None:
        raise line.error(f'"{as_text(value)}" is not a number of seconds; write 2, or tag:TAG,2')
    builder.reply_delays.append(
        ReplyDelay(where=line.where, text=line.text, tags=tags, seconds=seconds)
    )


def _tags_and_value(line: SourceLine, advice: str) -> tuple[Tags, str]:
    tags, value = leading_tags(line.value or "")
    if value is None:
        raise line.error(f"the value after the tags is missing; {advice}")
    return tags, value


BOOT_LINES: dict[str, Directive] = {
    "dhcp-boot": dhcp_boot,
    "dhcp-option": dhcp_option,
    "dhcp-option-force": dhcp_option,
    "dhcp-option-pxe": dhcp_option_pxe,
    "dhcp-pxe-vendor": dhcp_pxe_vendor,
    "dhcp-reply-delay": dhcp_reply_delay,
    "pxe-prompt": pxe_prompt,
    "pxe-service": pxe_service,
}
