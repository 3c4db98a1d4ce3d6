"""A clean Debian: debootstrap's minbase, of the release and from the archive that apt here uses.

Sources: debootstrap(8), apt-get(8) on indextargets, sources.list(5), pip's "Configuration".
"""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Settings of apt and pip that say how an archive is reached; others are this system's own business.
APT = re.compile(r"^Acquire::(?:Check-|Retries|https?::).*;$", re.MULTILINE)
PIP = re.compile(r"^\S+\.((?:index-url|trusted-host|proxy|timeout|cert))='(.*)'$", re.MULTILINE)
CERTIFICATES = "etc/pip.pem"


class MissingError(Exception):
    """What is needed here to make one is missing; the text says what."""


def make(root: Path, log: Path, *, variant: str = "minbase") -> None:
    """Make one in a folder that isn't there yet, what is done in `log`; it takes about a minute.

    apt inside it has its lists, and pip will reach the index that pip here reaches.
    """
    if not shutil.which("debootstrap"):
        raise MissingError("apt-get install -y debootstrap")
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    lines = archives()
    site = next((uri for uri, suite, _ in lines if suite == release), None)
    if site is None:
        raise MissingError(f"apt has no source of Debian {release} here")
    with log.open("ab") as output:
        subprocess.run(
            ["debootstrap", f"--variant={variant}", release, root, site],
            check=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    etc = root / "etc"
    sources = "".join(f"deb {uri} {suite} {component}\n" for uri, suite, component in lines)
    (etc / "apt" / "sources.list").write_text(sources)
    (etc / "apt" / "apt.conf.d" / "90archive").write_text(apt_settings())
    (etc / "pip.conf").write_text(pip_settings(root))
    shutil.copy("/etc/resolv.conf", etc / "resolv.conf")
    with log.open("ab") as output:
        subprocess.run(
            ["chroot", root, "apt-get", "update"], check=True, stdout=output, stderr=output
        )


def archives() -> list[tuple[str, str, str]]:
    """Address, suite and component of each archive of Debian's own."""
    command = [
        *("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"),
        *("Created-By: Packages", "Origin: Debian"),
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = []
    for line in dict.fromkeys(listed.splitlines()):  # each once, however many architectures
        uri, suite, component = line.split()
        found.append((uri, suite, component))
    return found


def apt_settings() -> str:
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True)
    return "".join(f"{line}\n" for line in APT.findall(dump.stdout))


def pip_settings(root: Path) -> str:
    """Return a pip.conf; the certificates that it names are copied to where it says."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    settings = dict(PIP.findall(listed))
    if "cert" in settings:
        shutil.copy(settings["cert"], root / CERTIFICATES)
        settings["cert"] = f"/{CERTIFICATES}"
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())
