"""`fastpxe check`."""

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec

from fastpxe import findings
from fastpxe.cli.config_args import Commands, add_json, add_source, load, source_of
from fastpxe.dnsmasq.engine.tftp import tftp_settings
from fastpxe.dnsmasq.lint import lint as check_dnsmasq
from fastpxe.dnsmasq.syntax.model import InterfaceAddresses
from fastpxe.errors import FileRefused, MalformedPacket
from fastpxe.json_text import indented
from fastpxe.net.interfaces import all_interfaces
from fastpxe.policy import compiler
from fastpxe.policy import lint as check_native
from fastpxe.policy.config import Config
from fastpxe.policy.ipxe_templates import SUFFIX
from fastpxe.policy.schema import HttpSettings
from fastpxe.serve.files.resolve import open_requested
from fastpxe.serve.files.root import Root
from fastpxe.serve.files.roots import DEFAULT_ROOT
from fastpxe.serve.files.scripts import ScriptMaker, template_path
from fastpxe.tftp.packets import TftpSettings

EXIT_CLEAN, EXIT_FINDINGS = 0, 1

IsServed = Callable[[str], bool]


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "check",
        help="validate a configuration and name its traps",
        description=(
            "Validate a configuration and name its traps: lines that never win, clients that\n"
            "get the wrong file or none, files that are missing.\n"
            "Exit status: 0 clean, 1 with findings, 2 when the configuration is refused."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  fastpxe check /etc/fastpxe.toml\n"
            "  fastpxe check /etc/dnsmasq.d/ltsp.conf\n"
            "  fastpxe check -- --dhcp-range=10.0.0.0,proxy --dhcp-boot=ipxe.efi"
        ),
    )
    add_source(command, takes_path=True)
    add_json(command)
    command.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Print the findings."""
    config = load(parsed)
    is_served, why_not = looking(
        config.tftp if isinstance(config, Config) else tftp_settings(config)
    )
    if isinstance(config, Config):
        found = check_native.check(
            config, compiler.build(config, []), is_served, bad_scripts(config.tftp)
        )
    else:
        present = [InterfaceAddresses(name=i.name, networks=i.networks) for i in all_interfaces()]
        found = check_dnsmasq.check(config, present, is_served)
    if parsed.json:
        print(indented({"findings": found}))
    else:
        for line in findings.text(found):
            print(line)
        print(summary(len(found), source_of(parsed), why_not))
    return EXIT_FINDINGS if found else EXIT_CLEAN


def summary(count: int, source: str, why_not: str) -> str:
    """The last line; `why_not` says why files were not looked for, if they weren't."""
    counted = f"{count} finding{'s' if count > 1 else ''}" if count else "no finding"
    without = f"; boot files were not looked for: {why_not}" if why_not else ""
    return f"{source}: {counted}{without}"


def looking(settings: TftpSettings) -> tuple[IsServed | None, str]:
    """Whether a file would be found under a TFTP root, or None and why one can't look."""
    if not settings.enabled:
        return None, "none is served from here"
    if settings.unique_root is not None:
        return None, "each client may have a folder of its own"
    usual = settings.root or (DEFAULT_ROOT if settings.dialect == "fastpxe" else None)
    others = (*settings.roots.values(), *(client.root for client in settings.client))
    paths = dict.fromkeys(path for path in (usual, *others) if path)
    roots = [root for path in paths if (root := _open(path)) is not None]
    if not roots:
        return None, f"{', '.join(paths) or 'no root'} can't be read on this machine"
    as_anybody = msgspec.structs.replace(settings, secure=False)  # the user is another one here
    scripts = _open(settings.scripts) if settings.scripts else None

    def is_served(file: str) -> bool:
        if scripts is not None and template_path(scripts, file) is not None:
            return True
        return any(_has(root, as_anybody, file) for root in roots)

    return is_served, ""


def bad_scripts(settings: TftpSettings) -> list[str]:
    """What is wrong with the templates of [tftp] scripts, each "name:line: why"."""
    if settings.scripts is None:
        return []
    try:
        root = Root(settings.scripts)
    except OSError as error:
        return [f": {error.strerror}"]
    folder = Path(settings.scripts)
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob(f"*{SUFFIX}"))]
    maker = ScriptMaker(root, HttpSettings(), lambda *_: ("", ""))
    try:
        return [bad for name in names if (bad := maker.check(name))]
    finally:
        root.close()


def _open(path: str) -> Root | None:
    try:
        return Root(path)
    except OSError:
        return None


def _has(root: Root, settings: TftpSettings, file: str) -> bool:
    name = file.encode("utf-8", "surrogateescape")
    try:
        _, opened = open_requested(root, settings, name, client="", interface="")
        opened.close()
    except (FileRefused, MalformedPacket, OSError):
        return False
    return True
