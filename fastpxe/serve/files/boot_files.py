"""Whether the boot files that rules name can be served: asked at start, and by `fastpxe doctor`."""

from collections.abc import Iterator
from typing import NamedTuple

from fastpxe.errors import FileRefused, MalformedPacket
from fastpxe.net.interfaces import Interface, interfaces_matching
from fastpxe.serve.files.resolve import Files, open_requested
from fastpxe.serve.files.scripts import template_path
from fastpxe.service import Service


class BootFile(NamedTuple):
    """A file and the first rule that hands it out; its size in bytes, or why it has none."""

    name: str
    rule: str
    size: int | None
    why_not: str = ""


def look_up(service: Service, files: Files, scripts: Files | None) -> Iterator[BootFile]:
    """Open each file as a client's request would be. A folder of each client's is not looked in.

    What is made for each machine, from a template of `scripts`, is no file and left out.
    """
    rules: dict[str, str] = {}
    for name, rule in service.files:
        rules.setdefault(name, rule)
    for name, rule in rules.items():
        if scripts is not None and template_path(scripts, name) is not None:
            continue
        try:
            asked = name.encode("latin-1", "replace")
            _, opened = open_requested(files, service.tftp, asked, client="", interface="")
        except (FileRefused, MalformedPacket) as refused:
            yield BootFile(name, rule, None, str(refused))
        except OSError as error:
            yield BootFile(name, rule, None, error.strerror or str(error))
        else:
            size = opened.status.st_size
            opened.close()
            yield BootFile(name, rule, size)


def file_interfaces(service: Service) -> list[Interface]:
    """Where files are served: the interfaces of DHCP unless [tftp] names others."""
    patterns = service.tftp.interfaces
    return interfaces_matching(patterns, service.present) if patterns else list(service.interfaces)
