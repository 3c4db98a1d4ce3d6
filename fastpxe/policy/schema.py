"""The tables of a fastpxe.toml as they are written, and every default of the native configuration.

Those of [tftp] are in fastpxe.tftp.packets. fastpxe.policy.config checks what a value means as a
whole.
"""

from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from fastpxe.policy.rules import Boot, Style
from fastpxe.tftp.packets import TftpSettings

Texts = str | tuple[str, ...]
Profile = Literal["fog-1.6", "fog-1.5", "netbootxyz", "ipxe", "rpi", "secure-boot"]

STATE = "/var/lib/fastpxe"
TOKEN_MIN = 16  # characters of a secret


class Dhcp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[dhcp]: the ports served, and switches for odd networks.

    ports: [4011] alone when a DHCP server on the same machine owns 67 and itself says PXEClient.
    share_ports: bind although another server has the port, if that one allows it too.
    receive_buffer: bytes asked for each socket; 1,280 hold one waiting packet.
    multicast: the group on which boot-server discovery is heard too (PXE 2.1, option 43.7).
    min_secs: a DISCOVER whose `secs` is lower gets no answer (a second server of a pair).
    max_per_mac, max_per_relay: requests a second that one machine, or one relay, is answered by
      one worker; the rest is counted. Off unless set.
    echo_client_id: copy option 61 into replies (RFC 6842).
    server_id_override: use option 82.11 as our server identifier (RFC 5107).
    accept_foreign_server_id: answer on 4011 although option 54 names another server.
    """

    ports: tuple[Literal[67, 4011], ...] = (67, 4011)
    share_ports: bool = False
    multicast: str | None = None
    receive_buffer: Annotated[int, msgspec.Meta(ge=4096, le=1 << 30)] = 64 << 20
    min_secs: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    max_per_mac: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    max_per_relay: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    echo_client_id: bool = False
    server_id_override: bool = False
    accept_foreign_server_id: bool = False


class ItemTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[boot.item]] as it is written; see menu.Item."""

    text: str
    file: str | None = None
    local: bool = False


class BootTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[boot]] as it is written; see rules.Match and rules.Boot for the meaning."""

    name: str = ""
    arch: str | int | tuple[str | int, ...] = ()
    mac: Texts = ()
    uuid: Texts = ()
    vendor_class: Texts = ()
    user_class: Texts = ()
    subnet: Texts = ()
    ipxe: bool | None = None
    ipxe_features: Texts = ()
    file: str | None = None
    url: str | None = None
    server: str | None = None
    style: Style = "auto"
    ipxe_too: bool = False
    ignore: bool = False
    hosts_only: bool = False
    prompt: str | None = None
    timeout_s: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    item: tuple[ItemTable, ...] = ()
    reply_delay_s: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0


class HostTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[host]]: machines that get the [[boot]] rules of a name before all others."""

    boot: str
    mac: Texts = ()
    uuid: Texts = ()


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The [http] table of the configuration."""

    enabled: Annotated[
        bool,
        msgspec.Meta(description="Serve the files of [tftp] over HTTP too, for UEFI HTTP Boot."),
    ] = False
    port: Annotated[
        int, msgspec.Meta(ge=1, le=65535, description="TCP port; URLs made by fastpxe name it.")
    ] = 80

    def url_of(self, boot: Boot) -> str | None:
        """Where a rule's file is to be had from here, {server} for our address; None if nowhere."""
        if not self.enabled or boot.file is None or boot.server is not None:
            return None
        port = f":{self.port}" if self.port != 80 else ""
        path = quote(boot.file.replace("\\", "/").lstrip("/"))
        return f"http://{{server}}{port}/{path}"


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[admin]: the web page, metrics and JSON of a running server. None changes anything.

    address: where it is served; elsewhere than on this machine it asks for the token.
    """

    enabled: bool = True
    address: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8067
    token: Annotated[str, msgspec.Meta(min_length=TOKEN_MIN)] | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file as it is written."""

    interfaces: tuple[str, ...] = ()
    profile: Profile | None = None
    dhcp: Dhcp = Dhcp()
    tftp: TftpSettings = TftpSettings()
    http: HttpSettings = HttpSettings()
    admin: AdminSettings = AdminSettings()
    boot: tuple[BootTable, ...] = ()
    host: tuple[HostTable, ...] = ()
    state: str = STATE
