"""fastpxe.toml becomes a Config, or is refused with the place and what to write instead.

Its tables and their defaults are in fastpxe.policy.schema and fastpxe.tftp.packets.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any, TypeVar

import msgspec

from fastpxe import resources
from fastpxe.dhcp.constants import ARCH_NAMES, FEATURE_NAMES, HTTP_ARCHES, Arch
from fastpxe.dhcp.identity import parse_mac, parse_uuid
from fastpxe.errors import ConfigError
from fastpxe.firmware.menu import ITEMS_MAX, TEXT_MAX, Item, Menu, excess
from fastpxe.policy.hosts import Host, parse_host
from fastpxe.policy.rules import Boot, Match, Rule, Text
from fastpxe.policy.schema import (
    STATE,
    AdminSettings,
    BootTable,
    Dhcp,
    Document,
    HostTable,
    HttpSettings,
    ItemTable,
    Profile,
    Texts,
)
from fastpxe.policy.toml_lines import as_key, line_of, lines_of
from fastpxe.tftp.packets import TftpClient, TftpSettings
from fastpxe.tftp.paths import read_renaming

T = TypeVar("T")
_PROFILES = resources.texts("profiles")

FILE_MAX = 254  # option 67 is 255 bytes, the last of them NUL
MENU_PROMPT = "Boot menu"
MENU_TIMEOUT_S = 10
MENU_FILE_MAX = 127  # the header field; option 67 would not fit beside the menu
RPI_FILE_MAX = 127  # the header field; option 67 would not fit beside a Pi's option 43
ARCHES_MAX = 63  # the matcher has a bit for each


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is right as far as text can tell.

    source: where it came from. state: the folder of what fastpxe keeps by itself. client_places:
    the "file:line" of each [[tftp.client]].
    """

    source: str
    interfaces: tuple[str, ...]
    dhcp: Dhcp
    tftp: TftpSettings
    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    rules: tuple[Rule, ...]
    hosts: tuple[Host, ...] = ()
    state: str = STATE
    client_places: tuple[str, ...] = ()


class _Wrong(Exception):  # noqa: N818 - private: a value and the key it stands at, not yet located
    def __init__(self, key: str, message: str) -> None:
        self.key = key
        self.message = message
        super().__init__(message)


def default_config() -> Config:
    """The configuration that is used when none is given: the boot files of FOG 1.6."""
    return parse(profile_text("fog-1.6"), "built-in default")


def profile_text(name: Profile) -> str:
    """The rules of a profile, as a fastpxe.toml."""
    return _PROFILES[f"{name}.toml"]


def _profile_rules(name: Profile | None) -> tuple[Rule, ...]:
    return parse(profile_text(name), f"profile {name}").rules if name else ()


def parse(text: str, source: str) -> Config:
    """Read the text of a fastpxe.toml. Raises ConfigError with the line and the key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, source) from None
    lines = dict(lines_of(text))
    try:
        document = msgspec.convert(data, Document, dec_hook=_decode)
        rules = tuple(
            _rule(i, table, f"{source}:{line_of(lines, f'boot[{i}]')}", document.http)
            for i, table in enumerate(document.boot)
        )
        rules += _profile_rules(document.profile)
        hosts = tuple(_hosts(document.host, {rule.name for rule in rules}, lines, source))
        _check_arches(rules)
        _check_dhcp(document.dhcp, rules)
        _check_tftp(document.tftp)
        _check_admin(document.admin)
    except msgspec.ValidationError as error:
        wrong = _explain(str(error))
    except _Wrong as error:
        wrong = error
    else:
        return Config(
            source=source,
            interfaces=document.interfaces,
            dhcp=document.dhcp,
            tftp=document.tftp,
            http=document.http,
            admin=document.admin,
            rules=rules,
            hosts=hosts,
            state=document.state,
            client_places=tuple(
                f"{source}:{line_of(lines, f'tftp.client[{i}]')}"
                for i in range(len(document.tftp.client))
            ),
        )
    raise ConfigError(
        wrong.message, where=f"{source}:{line_of(lines, wrong.key)}", key=wrong.key
    ) from None


def _decode(kind: type, value: Any) -> Any:
    """Read a value of a type that TOML and msgspec don't have: a subnet."""
    if kind is not IPv4Network:
        raise NotImplementedError(kind)
    try:
        return IPv4Network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f'{value!r} is no IPv4 network; write "10.1.0.0/16"') from None


# --- rules -------------------------------------------------------------------------------------


def _rule(index: int, table: BootTable, where: str, http: HttpSettings) -> Rule:
    key = f"boot[{index}]"
    features = tuple(_each(f"{key}.ipxe_features", table.ipxe_features, _feature))
    if features and table.ipxe is False:
        raise _Wrong(f"{key}.ipxe", "only iPXE has ipxe_features; leave out one of the two")
    match = Match(
        arches=tuple(_arches(f"{key}.arch", table.arch)),
        macs=tuple(_each(f"{key}.mac", table.mac, parse_mac)),
        uuids=tuple(p for ps in _each(f"{key}.uuid", table.uuid, parse_uuid) for p in ps),
        vendor_classes=tuple(_each(f"{key}.vendor_class", table.vendor_class, _text)),
        user_classes=tuple(_each(f"{key}.user_class", table.user_class, _text)),
        subnets=tuple(_each(f"{key}.subnet", table.subnet, IPv4Network)),
        ipxe=True if features else table.ipxe,
        ipxe_features=features,
    )
    menu = _menu(key, table)
    boot = Boot(
        file=menu.files[0].file if menu else table.file,
        url=table.url,
        server=_server(f"{key}.server", table.server),
        style=table.style,
        ipxe_too=table.ipxe_too,
        ignore=table.ignore,
        menu=menu,
        reply_delay_s=table.reply_delay_s,
    )
    _check_boot(key, match, boot, http)
    if table.hosts_only and not table.name:
        raise _Wrong(f"{key}.hosts_only", 'hosts ask for a boot by its name; add name = "…"')
    return Rule(
        name=table.name or key, where=where, match=match, boot=boot, hosts_only=table.hosts_only
    )


def _menu(key: str, table: BootTable) -> Menu | None:
    if not table.item:
        for name in ("prompt", "timeout_s"):
            if getattr(table, name) is not None:
                raise _Wrong(f"{key}.{name}", "there is no menu; add [[boot.item]] entries")
        return None
    if table.file is not None:
        raise _Wrong(f"{key}.file", "the items of the menu have files; write it there")
    if table.server is not None:
        raise _Wrong(f"{key}.server", "firmware asks the server of a menu again; leave it out")
    if table.ignore or table.style != "auto":
        wrong = "ignore" if table.ignore else "style"
        raise _Wrong(f"{key}.{wrong}", "a rule with a menu has none of that; leave it out")
    menu = Menu(
        prompt=table.prompt or MENU_PROMPT,
        timeout_s=MENU_TIMEOUT_S if table.timeout_s is None else table.timeout_s,
        items=tuple(_item(f"{key}.item[{i}]", one) for i, one in enumerate(table.item)),
    )
    _check_menu(key, menu)
    return menu


def _item(key: str, table: ItemTable) -> Item:
    is_plain = table.text.isascii() and table.text.isprintable()
    if not 0 < len(table.text) <= TEXT_MAX or not is_plain:
        raise _Wrong(f"{key}.text", f"{table.text!r}: 1 to {TEXT_MAX} printable ASCII characters")
    if table.local:
        if table.file is not None:
            raise _Wrong(f"{key}.local", "the local disk has no file; leave out one of the two")
        return Item(text=table.text)
    if table.file is None:
        raise _Wrong(key, 'nothing to boot; add file = "…" or local = true')
    _check_name(f"{key}.file", table.file)
    if len(table.file) > MENU_FILE_MAX:
        raise _Wrong(f"{key}.file", f"in a menu at most {MENU_FILE_MAX} characters")
    return Item(text=table.text, file=table.file)


def _check_menu(key: str, menu: Menu) -> None:
    if len(menu.items) > ITEMS_MAX:
        raise _Wrong(f"{key}.item", f"{len(menu.items)} items; firmware shows {ITEMS_MAX}")
    if not menu.files:
        raise _Wrong(f"{key}.item", "every item boots the local disk; add one with a file")
    if not (menu.prompt.isascii() and menu.prompt.isprintable()):
        raise _Wrong(f"{key}.prompt", f"{menu.prompt!r}: printable ASCII characters")
    if too_many := excess(menu):
        raise _Wrong(
            f"{key}.item",
            f"the menu is {too_many} bytes too long for option 43; shorten its texts or its prompt",
        )


def _many(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _each(key: str, values: Texts, read: Callable[[str], T]) -> Iterator[T]:
    for i, value in enumerate(_many(values)):
        try:
            yield read(value)
        except ValueError as error:
            where = f"{key}[{i}]" if isinstance(values, tuple) else key
            raise _Wrong(where, str(error)) from None


def _arches(key: str, values: str | int | tuple[str | int, ...]) -> Iterator[int]:
    for value in _many(values):
        if isinstance(value, int):
            if not 0 <= value <= 65535:
                raise _Wrong(key, f"{value} is no architecture number (option 93: 0 to 65535)")
            yield value
        elif value in ARCH_NAMES:
            yield from ARCH_NAMES[value]
        else:
            raise _Wrong(key, f"no architecture {value!r}; {_suggest(value, ARCH_NAMES)}")


def _feature(name: str) -> int:
    if name not in FEATURE_NAMES:
        raise ValueError(f"no feature {name!r} of iPXE; {_suggest(name, FEATURE_NAMES)}")
    return FEATURE_NAMES[name]


def _text(value: str) -> Text:
    """`text`, `prefix*` or `*part*`."""
    try:
        raw = value.encode("ascii")
    except UnicodeEncodeError:
        raise ValueError(f"{value!r}: a class is ASCII text") from None
    if raw.startswith(b"*") and raw.endswith(b"*") and len(raw) > 2:
        text = Text(raw[1:-1], "contains")
    elif raw.endswith(b"*"):
        text = Text(raw[:-1], "prefix")
    else:
        text = Text(raw, "exact")
    if b"*" in text.text or not text.text:
        raise ValueError(f'{value!r}: write "text", "prefix*" or "*part*"')
    return text


def _server(key: str, value: str | None) -> IPv4Address | None:
    if value is None:
        return None
    try:
        address = IPv4Address(value)
    except ValueError:
        raise _Wrong(key, f'{value!r} is no IPv4 address; write "192.0.2.10"') from None
    if address.is_unspecified or address.is_loopback or int(address) >= 0xE0000000:
        raise _Wrong(key, f"{value} can't be a server's address; leave it out for this machine")
    return address


def _check_boot(key: str, match: Match, boot: Boot, http: HttpSettings) -> None:
    if boot.ignore and (boot.file or boot.url):
        raise _Wrong(f"{key}.ignore", "an ignored client gets no file; leave out one of the two")
    if not (boot.ignore or boot.file or boot.url):
        raise _Wrong(key, 'nothing to answer; add file = "…", url = "…" or ignore = true')
    for name, value in (("file", boot.file), ("url", boot.url)):
        if value is not None:
            _check_name(f"{key}.{name}", value)
    if boot.file and Arch.RPI in match.arches and len(boot.file) > RPI_FILE_MAX:
        raise _Wrong(f"{key}.file", f"a Raspberry Pi takes at most {RPI_FILE_MAX} characters")
    if boot.file and re.match(r"https?://", boot.file):
        raise _Wrong(f"{key}.file", "this is a URL: write url instead of file")
    _check_urls(key, match, boot, http)


def _check_urls(key: str, match: Match, boot: Boot, http: HttpSettings) -> None:
    if boot.url and not re.match(r"https?://[^/]", boot.url):
        raise _Wrong(f"{key}.url", f'{boot.url!r}: write "http://192.0.2.10/boot.efi"')
    for name, url in (("url", boot.url), ("file", http.url_of(boot))):
        if url and len(url.replace("{server}", "255.255.255.255")) > FILE_MAX:
            raise _Wrong(f"{key}.{name}", f"the URL may have more than {FILE_MAX} characters")
    http_only = bool(match.arches) and HTTP_ARCHES.issuperset(match.arches)
    if http_only and not (boot.url or boot.ignore or http.enabled):
        raise _Wrong(
            f"{key}.file",
            "UEFI HTTP Boot takes no TFTP file; write url instead, or [http] enabled = true",
        )
    if boot.url and not boot.file and match.ipxe is False and HTTP_ARCHES.isdisjoint(match.arches):
        raise _Wrong(f"{key}.url", "only iPXE and HTTP archs take a URL; write file for the others")


def _check_name(key: str, value: str) -> None:
    if not value.isascii() or not value.isprintable() or not value:
        raise _Wrong(key, f"{value!r}: boot file names are printable ASCII")
    if len(value) > FILE_MAX:
        raise _Wrong(key, f"{len(value)} characters; option 67 holds {FILE_MAX}")


def _check_arches(rules: tuple[Rule, ...]) -> None:
    named: set[int] = set()
    for i, rule in enumerate(rules):
        named.update(rule.match.arches)
        if len(named) > ARCHES_MAX:
            raise _Wrong(f"boot[{i}].arch", f"more than {ARCHES_MAX} different architectures")


def _check_dhcp(dhcp: Dhcp, rules: tuple[Rule, ...]) -> None:
    if not dhcp.ports or len(set(dhcp.ports)) != len(dhcp.ports):
        raise _Wrong("dhcp.ports", "write [67, 4011], [67] or [4011]")
    if dhcp.multicast is not None and not _is_multicast(dhcp.multicast):
        raise _Wrong("dhcp.multicast", f'{dhcp.multicast!r} is no group; write "224.0.1.2"')
    if 4011 not in dhcp.ports:
        for i, rule in enumerate(rules):
            if rule.boot.style == "binl":
                raise _Wrong(
                    f"boot[{i}].style",
                    'style "binl" sends the client to port 4011, which dhcp.ports leaves out',
                )
            if rule.boot.menu:
                raise _Wrong(
                    f"boot[{i}].item",
                    "firmware asks for its choice on port 4011, which dhcp.ports leaves out",
                )


def _check_tftp(tftp: TftpSettings) -> None:
    if tftp.dialect == "dnsmasq" and tftp.enabled and not (tftp.root or tftp.roots):
        raise _Wrong("tftp.dialect", 'dnsmasq has no default root; add root = "…"')
    if isinstance(tftp.ports, tuple) and tftp.ports[0] > tftp.ports[1]:
        raise _Wrong("tftp.ports", "write the lower port first: [40000, 40999]")
    for one, other, why in (
        ("max_blksize", "allow_blksize", "without allow_blksize every block has 512 bytes"),
        ("mtu", "allow_blksize", "without allow_blksize every block has 512 bytes"),
        ("mtu", "max_blksize", "max_blksize counts whatever the MTU is"),
    ):
        if _is_changed(tftp, one) and _is_changed(tftp, other):
            raise _Wrong(f"tftp.{one}", f"{why}; leave out one of the two")
    for name in ("ignore_case", "remap"):
        if tftp.dialect == "dnsmasq" and _is_changed(tftp, name):
            raise _Wrong(f"tftp.{name}", "dnsmasq has no such thing; leave it or dialect out")
    _check_remap(tftp)
    for i, client in enumerate(tftp.client):
        _check_client(f"tftp.client[{i}]", client, tftp)


def _check_admin(admin: AdminSettings) -> None:
    try:
        address = IPv4Address(admin.address)
    except ValueError:
        raise _Wrong(
            "admin.address", f'{admin.address!r} is no IPv4 address; write "127.0.0.1"'
        ) from None
    if admin.token is None and not address.is_loopback:
        raise _Wrong("admin.token", 'others can reach that address; add token = "…"')


def _check_remap(tftp: TftpSettings) -> None:
    spelled: dict[bytes, str] = {}
    for name, target in tftp.remap.items():
        key = f"tftp.remap.{as_key(name)}"
        try:
            path, _ = read_renaming(name, target)
        except ValueError as error:
            raise _Wrong(key, str(error)) from None
        same = path.lower() if tftp.ignore_case or tftp.lowercase else path
        other = spelled.setdefault(same, name)
        if other != name:
            raise _Wrong(key, f"the same as {other!r}; leave out one of the two")


def _check_client(key: str, client: TftpClient, tftp: TftpSettings) -> None:
    if client.root is None and client.max_blksize is None and client.max_windowsize is None:
        raise _Wrong(key, "nothing to change; add root, max_blksize or max_windowsize")
    if client.max_blksize is not None and not tftp.allow_blksize:
        why = "without allow_blksize every block has 512 bytes"
        raise _Wrong(f"{key}.max_blksize", f"{why}; leave out one of the two")


def _is_changed(tftp: TftpSettings, key: str) -> bool:
    return bool(getattr(tftp, key) != getattr(TftpSettings(), key))


def _is_multicast(text: str) -> bool:
    try:
        return IPv4Address(text).is_multicast
    except ValueError:
        return False


# --- hosts -------------------------------------------------------------------------------------


def _hosts(
    tables: tuple[HostTable, ...], boots: set[str], lines: dict[str, int], source: str
) -> Iterator[Host]:
    seen: dict[str, str] = {}
    for i, table in enumerate(tables):
        key = f"host[{i}]"
        if table.boot not in boots:
            raise _Wrong(f"{key}.boot", f"no [[boot]] is named so; {_suggest(table.boot, boots)}")
        if not table.mac and not table.uuid:
            raise _Wrong(key, 'which host? add mac = "…" or uuid = "…"')
        for kind, texts in (("mac", table.mac), ("uuid", table.uuid)):
            for name, keys in _each(f"{key}.{kind}", texts, parse_host):
                where = f"{source}:{line_of(lines, key)}"
                if seen.setdefault(name, where) != where:
                    raise _Wrong(f"{key}.{kind}", f"{name} has a boot already, at {seen[name]}")
                yield Host(name=name, keys=keys, boot=table.boot, where=where)


# --- errors ------------------------------------------------------------------------------------


def _suggest(word: str, known: Iterable[str]) -> str:
    choices = ", ".join(known)
    close = difflib.get_close_matches(word, choices.split(", "), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {choices}"


def _syntax_error(error: tomllib.TOMLDecodeError, source: str) -> ConfigError:
    message = str(error)
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found is None:  # "at end of document"
        return ConfigError(f"not TOML: {message}", where=source)
    return ConfigError(
        f"not TOML: {message[: found.start()]} (column {found[2]})", where=f"{source}:{found[1]}"
    )


def _explain(message: str) -> _Wrong:
    """Turn msgspec's error into ours: its path becomes the key, a wrong key a suggestion."""
    text, _, path = message.partition(" - at `$")
    key = re.sub(r"\[\.\.\.\]", "", path).strip("`").removeprefix(".")
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if missing is not None:
        return _Wrong(key, f"no {missing[1]}; add {missing[1]} = …")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text)
    if unknown is None:
        # Without quotes, old.efi = "new.efi" is a table to TOML.
        quotes = '; names stand in quotes: "old.efi" = "new.efi"' if key == "tftp.remap" else ""
        return _Wrong(key, text[:1].lower() + text[1:] + quotes)
    known = _KEYS[re.sub(r"\[\d+\]", "", key)]
    inner = f"{key}.{unknown[1]}" if key else unknown[1]
    return _Wrong(inner, f"unknown key; {_suggest(unknown[1], known.__struct_fields__)}")


_KEYS: dict[str, type[msgspec.Struct]] = {
    "": Document,
    "dhcp": Dhcp,
    "tftp": TftpSettings,
    "tftp.client": TftpClient,
    "http": HttpSettings,
    "admin": AdminSettings,
    "boot": BootTable,
    "boot.item": ItemTable,
    "host": HostTable,
}
