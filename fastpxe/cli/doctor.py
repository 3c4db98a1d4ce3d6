"""`fastpxe doctor`."""

import argparse
import logging
import secrets
from collections.abc import Iterator

from fastpxe.cli.config_args import Commands, add_json, add_source, load, named
from fastpxe.dnsmasq.syntax.model import DnsmasqConfig
from fastpxe.doctor import report
from fastpxe.doctor.machine import findings as machine_findings
from fastpxe.doctor.network import findings as network_findings
from fastpxe.doctor.report import Finding
from fastpxe.firmware.error_codes import explain_code
from fastpxe.json_text import indented
from fastpxe.policy.config import Config

EXIT_WELL, EXIT_PROBLEMS = 0, 1
LISTEN_S = 4.0
MAX_LISTEN_S = 60


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "doctor",
        help="say what is wrong on this machine and on its networks; explain an error code",
        description=(
            "Say what is wrong on this machine and on its networks: ports, privileges,\n"
            "interfaces, buffers, boot files; which servers answer boot clients, and whether\n"
            "a boot works up to the file. It asks on each interface as a client would, which\n"
            "an ordinary DHCP server hears too, and changes nothing.\n"
            "With a CODE, such as PXE-E55 or 2d03e13b: say what firmware means by it.\n"
            "\n"
            "Exit status: 0 without a problem, 1 with one, 2 when the configuration is refused."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  sudo fastpxe doctor -c /etc/fastpxe.toml\n"
            "  sudo fastpxe doctor --interface eth0 --listen 10\n"
            "  fastpxe doctor PXE-E55"
        ),
    )
    command.add_argument("code", metavar="CODE", nargs="?", help="explain this error code instead")
    add_source(command)
    command.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="look at this one; may be repeated; default: those that the configuration serves",
    )
    command.add_argument(
        "--listen",
        type=_listen,
        default=LISTEN_S,
        metavar="SECONDS",
        help="how long to hear who answers, 0 to ask nobody; default %(default)s",
    )
    add_json(command)
    command.set_defaults(run=run)


def _listen(text: str) -> float:
    if not 0 <= float(text) <= MAX_LISTEN_S:
        raise argparse.ArgumentTypeError(f"0 to {MAX_LISTEN_S}")
    return float(text)


def run(parsed: argparse.Namespace) -> int:
    """Print the findings, or what a code means."""
    if parsed.code is not None:
        code = explain_code(parsed.code)
        if parsed.json:
            print(indented(code))
        else:
            print("\n".join(report.code_text(code)))
        return EXIT_WELL
    logging.getLogger("fastpxe").addHandler(logging.NullHandler())  # findings say it, not the log
    path, dnsmasq_files = named(parsed)
    is_default = not (path or dnsmasq_files or parsed.dnsmasq_options)
    config = load(parsed)
    found: list[Finding] = []
    for finding in findings(config, parsed.interface, parsed.listen, is_default=is_default):
        found.append(finding)
        if not parsed.json:  # as it comes: the networks take a while
            print("\n".join(report.lines(finding)), flush=True)
    print(report.json(found) if parsed.json else report.summary(found))
    return EXIT_PROBLEMS if report.has_problem(found) else EXIT_WELL


def findings(
    config: Config | DnsmasqConfig, interfaces: list[str], listen_s: float, *, is_default: bool
) -> Iterator[Finding]:
    """Look at the machine, then at its networks; is_default: nobody named the configuration.

    Raises ConfigError.
    """
    # `fastpxe --help` needs no sockets.
    from fastpxe.probe import boot, listen, machine  # noqa: PLC0415 - see above

    examined = machine.examine(config, interfaces, is_default=is_default)
    yield from machine_findings(examined)
    if not listen_s:
        return
    clients = listen.clients(secrets.token_bytes(3))
    probed = {interface.name: interface for interface in machine.probed(config, interfaces)}
    for wire in listen.ask(clients, list(probed.values()), listen_s):
        tried = boot.with_trials(wire, probed[wire.interface], clients)
        yield from network_findings(tried, is_served=examined.is_served)
