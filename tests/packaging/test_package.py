"""The wheel works where the source tree is not."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from project import TOP

from fastpxe import __version__

pytestmark = [pytest.mark.build, pytest.mark.gate]

CARRIED = (
    "py.typed",
    "profiles/fog-1.6.toml",
    "profiles/rpi.toml",
    "_codec.pyi",
    "_codec.pxd",
    "serve/dhcp/_port.pyi",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(
        ("git", "clone", "--quiet", TOP, source) if (TOP / ".git").exists()
        else ("cp", "-r", TOP, source),
        check=True,
    )  # fmt: skip
    subprocess.run(
        (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--wheel-dir", folder, source),
        check=True,
    )  # fmt: skip
    (built,) = folder.glob("fastpxe-*.whl")
    return built


def test_the_wheel_carries_modules_stubs_and_default_config(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"fastpxe/{name}" for name in CARRIED} <= names
    assert sum(name.endswith(".so") for name in names) == len(list(TOP.glob("fastpxe/**/*.pyx")))
    assert not [name for name in names if name.endswith((".c", ".html"))]


def test_the_command_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import fastpxe.serve.supervisor, fastpxe.cli, fastpxe.policy.config as c;"
        "assert fastpxe.__file__.startswith(%r), fastpxe.__file__;"
        "c.default_config(); fastpxe.cli.main(['--version'])"
    )
    ran = subprocess.run(
        (sys.executable, "-P", "-c", code % str(tmp_path)),
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert ran.stdout == f"fastpxe {__version__}\n", ran.stderr
