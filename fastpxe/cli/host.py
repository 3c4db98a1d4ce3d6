"""`fastpxe host`."""

import argparse
import difflib
import json

from fastpxe.cli.config_args import Commands, add_json, load, source_of
from fastpxe.errors import ConfigError
from fastpxe.policy.config import Config
from fastpxe.policy.hosts import Host, parse_host
from fastpxe.serve.recorder.host_store import HostStore


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "host",
        help="give one machine a boot of its own, for good or for its next boot",
        description=(
            "Give a machine the [[boot]] rules of a name before all others. A running server\n"
            "obeys at once, and a restart forgets nothing: they are kept in the folder that\n"
            "`state` names, /var/lib/fastpxe unless the configuration says otherwise."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "examples:\n"
            "  fastpxe host set 52:54:00:12:34:56 --boot installer --once -c fastpxe.toml\n"
            "  fastpxe host list\n"
            "  fastpxe host forget 52:54:00:12:34:56"
        ),
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)
    _add_set(actions)
    _add_list(actions)
    _add_forget(actions)


def _add_set(actions: Commands) -> None:
    command = actions.add_parser(
        "set",
        help="give a machine a boot, in place of any that it was given",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "example:\n  fastpxe host set 52:54:00:12:34:56 --boot installer --once -c fastpxe.toml"
        ),
    )
    _add_host(command)
    command.add_argument(
        "--boot", metavar="NAME", required=True, help="the name of one or more [[boot]] rules"
    )
    command.add_argument(
        "--once", action="store_true", help="forget it when that boot was seen to start"
    )
    _add_config(command)
    command.set_defaults(run=_set)


def _add_list(actions: Commands) -> None:
    command = actions.add_parser(
        "list",
        help="show the machines with a boot of their own",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  fastpxe host list --json",
    )
    _add_config(command)
    add_json(command)
    command.set_defaults(run=_list)


def _add_forget(actions: Commands) -> None:
    command = actions.add_parser(
        "forget",
        help="let a machine boot as the others do",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  fastpxe host forget 52:54:00:12:34:56",
    )
    _add_host(command)
    _add_config(command)
    command.set_defaults(run=_forget)


def _add_host(command: argparse.ArgumentParser) -> None:
    command.add_argument("host", metavar="HOST", type=_host, help="its MAC address or its UUID")


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("-c", "--config", metavar="FILE", help="the fastpxe.toml of the server")
    command.set_defaults(path=None, dnsmasq_conf=[], dnsmasq_options=[])


def _host(text: str) -> str:
    try:
        return parse_host(text)[0]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _config(parsed: argparse.Namespace) -> Config:
    config = load(parsed)
    assert isinstance(config, Config)  # noqa: S101 - no flag of ours names dnsmasq's
    return config


def _set(parsed: argparse.Namespace) -> int:
    config = _config(parsed)
    boots = list(dict.fromkeys(rule.name for rule in config.rules))
    if parsed.boot not in boots:
        close = difflib.get_close_matches(parsed.boot, boots, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(boots)}"
        raise ConfigError(f"no [[boot]] is named {parsed.boot!r}; {hint}", where=source_of(parsed))
    store = HostStore(config.state)
    store.set(parsed.host, parsed.boot, once=parsed.once)
    print(f"{parsed.host} boots {parsed.boot}{', once' if parsed.once else ''}  ({store.path})")
    return 0


def _list(parsed: argparse.Namespace) -> int:
    config = _config(parsed)
    kept = HostStore(config.state).all()
    fixed = [host for host in config.hosts if host.name not in {one.name for one in kept}]
    hosts = [*kept, *fixed]
    if parsed.json:
        print(json.dumps([_as_json(host) for host in hosts], indent=2))
        return 0
    for host in hosts:
        print(f"{host.name}  {host.boot}{', once' if host.once else ''}  ({host.where})")
    if not hosts:
        print("no machine has a boot of its own")
    return 0


def _as_json(host: Host) -> dict[str, object]:
    return {"host": host.name, "boot": host.boot, "once": host.once, "where": host.where}


def _forget(parsed: argparse.Namespace) -> int:
    config = _config(parsed)
    store = HostStore(config.state)
    kept = [host for host in store.all() if host.name == parsed.host]
    for host in kept:
        store.forget(host)
    fixed = [host for host in config.hosts if host.name == parsed.host]
    if fixed:
        boot = fixed[0]
        print(f"{parsed.host} boots {boot.boot}, as {boot.where} says")
    elif kept:
        print(f"{parsed.host} boots as the others do")
    else:
        print(f"{parsed.host} had no boot of its own")
    return 0
