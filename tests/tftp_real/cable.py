"""Two namespaces, a veth pair between them, files to download, and a wire that can lose some."""

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from netns import Namespace, Process
from served import pattern
from started import SERVE
from tftp_rig import Rig

LOSS = """
table ip loss {
    counter lost { }
    chain arriving {
        type filter hook input priority 0
        meta l4proto udp SPARED numgen random mod 100 < PERCENT counter name lost drop
    }
}
"""
LINE_LIMIT_S = 40  # longer than the 30 s after which fastpxe gives a transfer up


class Log:
    """What fastpxe says from now on."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.start = len(process.output())

    def line(self, sign: str) -> str:
        """Wait for a line that has the regular expression `sign`, and return it."""
        limit = time.monotonic() + LINE_LIMIT_S
        while (found := re.search(f".*{sign}.*\n", self.process.output()[self.start :])) is None:
            assert time.monotonic() < limit, f"{sign} is not in\n{self.process.output()}"
            time.sleep(0.01)  # the log is a file: there is no event of its growth
        return found[0]


class Cable:
    """`root` is the TFTP root; beside it is outside.txt, that nobody may get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        (folder / "outside.txt").write_bytes(b"outside")
        (self.root / "link-out").symlink_to("../outside.txt")
        self.digests: dict[str, str] = {}
        self.rig = Rig(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rig.close()

    @property
    def client(self) -> Namespace:
        return self.rig.client

    def file(self, size: int) -> str:
        """Make a file of this size, unless it is there; return its name."""
        name = f"f{size}"
        if name not in self.digests:
            content = pattern(size)
            (self.root / name).write_bytes(content)
            self.digests[name] = digest(content)
        return name

    @contextmanager
    def serving(self, **tftp: str | float) -> Iterator[Process]:
        """Run `fastpxe serve` with these settings of [tftp]."""
        settings = {"root": str(self.root), **tftp}
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        config = self.folder / "fastpxe.toml"
        config.write_text("\n".join(('interfaces = ["dqs0", "dqs1"]', "[tftp]", *lines)))
        command: list[str | Path] = [sys.executable, "-W", "error", *SERVE[1:]]
        with self.rig.running([*command, "-c", config], "ready") as process:
            assert process.is_running(), process.output()
            yield process
            assert process.is_running(), process.output()
        assert process.popen.returncode == 0, process.output()

    @contextmanager
    def losing(self, percent: int, spared: str = "") -> Iterator[None]:
        """Drop UDP at random where it arrives: a program that sends isn't told, as on a wire.

        `spared` is an expression of nft that leaves some datagrams alone.
        """
        rules = LOSS.replace("PERCENT", str(percent)).replace("SPARED", spared)
        ends = (self.rig.server, self.rig.client)
        # A window would cross a veth, and be dropped, as one packet.
        self.rig.server.run("ethtool", "-K", "dqs0", "tx-udp-segmentation", "off")
        for end in ends:
            end.run("nft", "-f", "-", stdin=rules)
        try:
            yield
        finally:
            for end in ends:
                end.run("nft", "delete", "table", "ip", "loss")

    def lost(self) -> Mapping[str, int]:
        """Return how many datagrams were dropped, by the direction they went."""
        return {
            "to the server": lost_at(self.rig.server),
            "to the client": lost_at(self.rig.client),
        }


def lost_at(end: Namespace) -> int:
    listing = json.loads(end.run("nft", "-j", "list", "counter", "ip", "loss", "lost"))
    (counter,) = (entry["counter"] for entry in listing["nftables"] if "counter" in entry)
    packets: int = counter["packets"]
    return packets


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
