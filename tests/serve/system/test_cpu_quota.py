"""How many workers make sense here: affinity, and limits of control groups."""

import os
from pathlib import Path

import pytest

from fastpxe.serve.system.cpu_quota import limit_of, usable_cores


def test_no_more_than_this_process_may_run_on() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 1 << 16), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1),
     ("nonsense", 1 << 16)],
)  # fmt: skip
def test_a_group_s_quota_counts_in_whole_cores(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert limit_of(tmp_path) == cores


def test_the_tightest_limit_of_the_groups_above_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "cpu.max").write_text("300000 100000")
    (tmp_path / "a" / "cpu.max").write_text("100000 100000")
    (inner / "cpu.max").write_text("max 100000")
    assert limit_of(inner) == 1
