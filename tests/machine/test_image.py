"""The image, built by its recipe on a Debian, and run as compose.yaml says."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine import Engine
from wire_rig import SERVER, Wire

pytestmark = [pytest.mark.machine, pytest.mark.netns]

TOP = Path(__file__).parents[2]
FOLDER = TOP / "contrib" / "oci"
CONFIG = '[tftp]\nroot = "/tftpboot"\n[http]\nenabled = true\n[[boot]]\nfile = "one.bin"\n'
CONTENT = "one" * 20_000


@pytest.fixture(scope="module")
def engine(debian_root: Path) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder, Engine(Path(folder)) as engine:
        engine.make_image(debian_root, "localhost/debian")
        yield engine


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return found["fastpxe"]


@pytest.fixture(scope="module")
def image(engine: Engine, service: dict[str, Any]) -> str:
    recipe, context = service["build"]["dockerfile"], FOLDER / service["build"]["context"]
    name: str = service["image"]
    engine.build(context / recipe, context, name, "--build-arg", "DEBIAN=localhost/debian")
    return name


def options(service: dict[str, Any], places: dict[str, Path]) -> list[str]:
    """What compose.yaml asks for, as podman-run(1) takes it; `places`: the host's paths."""
    assert service["network_mode"] == "host"
    assert service["read_only"] is True
    found = ["--network=host", "--read-only"]
    found += [f"--cap-drop={name}" for name in service["cap_drop"]]
    found += [f"--cap-add={name}" for name in service["cap_add"]]
    for volume in service["volumes"]:
        at, rest = volume.split(":", maxsplit=1)
        found.append(f"--volume={places.get(at, at)}:{rest}")  # else it is the name of a volume
    return found


def test_it_serves_what_compose_mounts_and_stops_when_told(
    engine: Engine, image: str, service: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        boot, etc = folder / "tftpboot", folder / "etc"
        boot.mkdir()
        etc.mkdir()
        config = etc / "fastpxe.toml"
        (boot / "one.bin").write_text(CONTENT)
        config.write_text(CONFIG)
        wire = Wire(folder)
        places = {"/etc/fastpxe": etc, "/tftpboot": boot}
        process = wire.run(*engine.running(*options(service, places), "--name=fastpxe", image))
        assert wire.file_offered() == "one.bin"
        for scheme in ("tftp", "http"):
            got = wire.client.run("curl", "--silent", f"{scheme}://{SERVER}/one.bin")
            assert got == CONTENT, scheme
        # As an editor does it, and as install.md has it.
        (etc / "new").write_text(f'{CONFIG}name = "one"\n')
        (etc / "new").replace(config)
        wire.wait_for(process, "reloaded: ")
        command = ("/usr/lib/fastpxe/python3", "-I", "/usr/bin/fastpxe", "host", "set")
        host = ("52:54:00:12:34:56", "--boot", "one", "-c", "/etc/fastpxe/fastpxe.toml")
        subprocess.run(engine.command("exec", "fastpxe", *command, *host), check=True)
        wire.wait_for(process, "host 52:54:00:12:34:56: boot set to one")
        assert process.stop(signal.SIGTERM) == 0
        assert "; user fastpxe\n" in process.output()
        assert "WARNING" not in process.output()
        wire.close()
