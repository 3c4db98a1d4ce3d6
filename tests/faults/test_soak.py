"""Boot after boot, for twenty seconds: memory and descriptors stay. Ten minutes: bench/soak.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from project import TOP

pytestmark = [pytest.mark.netns, pytest.mark.load]

SOAK = TOP / "bench" / "soak.py"
GROWTH_MAX = 8 << 20  # bytes: the journal learns of two thousand machines


def test_machines_that_boot_one_after_the_other_cost_nothing_that_stays(tmp_path: Path) -> None:
    path = tmp_path / "soak.json"
    command = (sys.executable, SOAK, "--seconds", "20", "--rate", "100", "--json", path)
    subprocess.run(command, check=True, timeout=120)
    found = json.loads(path.read_text())
    assert found["boots"] > 200
    assert found["lost"] == 0
    assert set(found["processes"]) == {"parent", "fastpxe-0", "fastpxe-log"}
    for one in found["processes"].values():
        assert one["most"] - one["before"] < GROWTH_MAX
        assert one["files_last"] <= one["files_before"]
