"""What the unit of systemd says, its system calls one by one."""

import re
import subprocess

from project import CONTRIB

FILE = CONTRIB / "systemd" / "fastpxe.service"


def settings(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", FILE.read_text(), re.MULTILINE)


def setting(name: str) -> str:
    (found,) = settings(name)
    return found


def system_calls() -> set[str]:
    """Those that SystemCallFilter= allows: lines add, or with a tilde take away (systemd.exec)."""
    allowed: set[str] = set()
    for line in settings("SystemCallFilter"):
        named = system_calls_of(*line.removeprefix("~").split())
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def system_calls_of(*names: str) -> set[str]:
    """What names of system calls and of their @groups stand for."""
    found = {name for name in names if not name.startswith("@")}
    groups = [name for name in names if name.startswith("@")]
    if groups:
        command = ("systemd-analyze", "syscall-filter", *groups)
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines = re.findall(r"^ +(@?[\w-]+)$", listed, re.MULTILINE)
        found |= system_calls_of(*lines)
    return found
