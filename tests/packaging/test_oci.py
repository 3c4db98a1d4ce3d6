"""The image's recipe, as far as it can be tried without an image to build on.

Its first stage runs contrib/deb/build, as these tests do. What its second stage does to Debian is
done here to a copy of this one, and its ENTRYPOINT serves from there.
"""

import json
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from overlay import Machine
from project import CONTRIB
from wire_rig import Wire

pytestmark = pytest.mark.netns

FOLDER = CONTRIB / "oci"
RECIPE = (FOLDER / "Containerfile").read_text()
COMPOSE = (FOLDER / "compose.yaml").read_text()


def steps() -> list[list[tuple[str, str]]]:
    """The instructions of each stage: their names and the rest of the line."""
    text = re.sub(r"^#.*\n", "", RECIPE, flags=re.MULTILINE).replace("\\\n", "")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    stages: list[list[tuple[str, str]]] = [[]]
    for name, rest in lines:
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages


def last(name: str) -> str:
    return [rest for found, rest in steps()[-1] if found == name][-1]


@pytest.fixture(scope="module")
def machine(package: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as folder, Machine(Path(folder)) as machine:
        machine.run("sh", "-c", f"mkdir /package && cp {package} /package")
        for name, rest in steps()[-1]:
            if name == "RUN":
                # Lists of packages are this system's.
                machine.run("sh", "-c", rest.replace("apt-get update && ", ""), limit_s=300)
        yield machine


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


def test_every_instruction_is_one_that_this_test_knows() -> None:
    known = {"ARG", "FROM", "RUN", "COPY", "USER", "WORKDIR", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    assert {name for stage in steps() for name, _ in stage} == known
    assert [stage[0][0] for stage in steps()] == ["ARG", "FROM", "FROM"]


def test_the_package_is_taken_from_the_stage_that_builds_it() -> None:
    _, build, final = steps()
    assert build[-1] == ("RUN", "/source/contrib/deb/build /package")
    assert ("COPY", "--from=build /package /package") in final


def granted() -> str:
    """The capabilities that compose.yaml grants, as setpriv(1) takes them."""
    assert "cap_drop: [ALL]" in COMPOSE
    (names,) = re.findall(r"cap_add: \[(.*)\]", COMPOSE)
    return ",".join(f"+{name.lower()}" for name in names.split(", "))


def test_it_serves_as_its_user_with_what_compose_grants(machine: Machine, wire: Wire) -> None:
    assert "network_mode: host" in COMPOSE
    assert "/tftpboot:/tftpboot:ro" in COMPOSE
    machine.run("mkdir", "-p", "/tftpboot")
    command = (*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD")))
    around = (
        *("setpriv", f"--reuid={last('USER')}", f"--regid={last('USER')}", "--clear-groups"),
        f"--bounding-set=-all,{granted()}",
    )
    process = wire.run(*machine.command(*around, *command))
    assert wire.file_offered() == "snponly.efi"
    assert "; user fastpxe\n" in process.output()
    assert "grant CAP_NET_ADMIN" not in process.output()
    children = psutil.Process(process.popen.pid).children(recursive=True)
    assert "fastpxe-log" in {one.name() for one in children}
    assert process.stop(signal.SIGTERM) == 0


def test_compose_mounts_a_folder_for_the_configuration_and_one_for_what_it_keeps(
    machine: Machine,
) -> None:
    compose = yaml.safe_load(COMPOSE)
    volumes = [volume.split(":") for volume in compose["services"]["fastpxe"]["volumes"]]
    places = {inside: at for at, inside, *_ in volumes}
    assert places["/var/lib/fastpxe"] in compose["volumes"]
    state = machine.run("stat", "--format=%A %U", "/var/lib/fastpxe")
    assert state == "drwxr-x--- fastpxe\n"
    config = Path(json.loads(last("CMD"))[-1])
    assert places[str(config.parent)] == "/etc/fastpxe"
    assert machine.run("stat", "--format=%A %F", config.parent) == "drwxr-xr-x directory\n"
    assert machine.run("cat", config) == machine.run("cat", "/etc/fastpxe.toml")


def test_nobody_else_gets_the_capabilities_of_the_interpreter(machine: Machine) -> None:
    mode = machine.run("stat", "--format=%A %U %G", "/usr/lib/fastpxe/python3")
    assert mode == "-rwxr-x--- root fastpxe\n"
