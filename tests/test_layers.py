"""The shape of the package: the core does no input and no output, and everything has its tests."""

import ast
import re
from pathlib import Path

import pytest

import fastpxe

PACKAGE = Path(fastpxe.__file__).parent
TESTS = Path(__file__).parent

# What reads a clock, a file, a socket or the environment has no place in the core.
OUTSIDE = {
    "asyncio", "ctypes", "fcntl", "multiprocessing", "os", "select", "selectors", "shutil",
    "signal", "socket", "socketserver", "ssl", "subprocess", "threading", "time", "uvloop",
}  # fmt: skip
OUTSIDE_C = {"libc.time", "libc.stdio", "posix"}

SOURCES = sorted(path for pattern in ("*.py", "*.pyx", "*.pxd") for path in PACKAGE.rglob(pattern))
SHELL = ("serve/", "net/", "probe/", "cli/", "__main__.py", "service.py")
CORE = [path for path in SOURCES if not str(path.relative_to(PACKAGE)).startswith(SHELL)]

# Modules with functions but without a test file of their own, and why.
TESTED_ELSEWHERE = {
    "dhcp/_responder": "policy/test_respond and dnsmasq/engine/test_answer_cache ask through it",
    "dhcp/_template": "policy/test_respond and dnsmasq/engine/test_render read what it fills in",
    "policy/_host_table": "policy/test_hosts fills and reads it",
    "cli/__init__": "cli/test_main runs the whole command line",
    "cli/check": "cli/test_main runs it",
    "cli/doctor": "cli/test_doctor runs it",
    "cli/explain": "cli/test_main runs it",
    "cli/host": "cli/test_host runs it",
    "cli/admin_client": "cli/test_watch has it ask real servers",
    "cli/watch": "cli/test_watch runs it",
    "cli/import_": "cli/test_import runs it",
    "cli/logging_setup": "cli/test_logging_setup writes in each format",
    "cli/log_handler": "faults/test_log_unread serves with a log that nobody reads",
    "serve/system/config_stamp": "serve/recorder/test_config_watch changes files in every way",
    "cli/serve": "serve/test_supervisor runs it as a process",
    "cli/config_args": "cli/test_main reads configurations through it",
    "cli/storm": "cli/test_storm runs it",
    "findings": "policy/test_lint prints its text",
    "dhcp/_request": "a view of what _codec parsed: test_codec reads everything through it",
    "dnsmasq/engine/decide": "dnsmasq/engine/test_choose and test_engine ask for its decisions",
    "dnsmasq/engine/decision": "records; dnsmasq/engine/test_engine reads them",
    "dnsmasq/engine/facts": "dnsmasq/engine/test_tags asks for what each test finds",
    "dnsmasq/syntax/model": "records and their text: the tests of the reader see them",
    "dnsmasq/convert/cases": "dnsmasq/convert/test_verify proves its cases, written as rules",
    "dnsmasq/convert/tags": "dnsmasq/convert/test_translate asks for each tag's rule",
    "dnsmasq/convert/predicates": "dnsmasq/convert/test_translate asks for each test's condition",
    "dnsmasq/convert/caveats": "dnsmasq/convert/test_translate reads every remark",
    "monitor/problems": "texts: monitor/test_journal sees each problem found",
    "events": "records; monitor/test_journal and monitor/test_log_lines ask which are routine",
    "errors": "holds no logic: policy/test_config and others see its classes raised",
    "dnsmasq/engine/log_labels": "dnsmasq/engine/test_backend reads the log of each decision",
    "dnsmasq/engine/cache_key": "dnsmasq/engine/test_answer_cache holds it against the engine",
    "serve/files/boot_files": "probe/test_machine and serve/test_supervisor look files up",
    "serve/child": "faults/test_children kills them, and has none forked",
    "service": "serve/test_supervisor serves both kinds of configuration through it",
    "serve/worker_pool": "serve/test_supervisor and faults/test_children reload",
    "serve/http/process": "serve/test_supervisor kills and retires the process",
    "serve/listeners": "serve/test_supervisor counts what each worker's sockets answer",
    "monitor/metrics": "serve/recorder/test_admin reads them as Prometheus does",
    "serve/vitals": "serve/recorder/test_admin asks after a stopped worker",
    "policy/rules": "records: policy/test_config and policy/test_compiler make them",
    "policy/schema": "policy/test_config reads every key of them",
    "serve/recorder/observer": "serve/test_supervisor and serve/recorder/test_host_boots read it",
    "serve/recorder/recorder": "serve/test_supervisor reads its log, and kills it",
    "serve/worker": "serve/test_supervisor runs, kills and retires them",
}


def imported(source: str) -> set[str]:
    """Top-level names of what a Python or Cython source imports, wherever the import stands."""
    found = re.findall(r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+(.+))", source, re.MULTILINE)
    names: set[str] = set()
    for module, several in found:
        names |= {module} if module else {part.split()[0] for part in several.split(",")}
    return names


def module(path: Path) -> str:
    return str(path.relative_to(PACKAGE).with_suffix(""))


@pytest.mark.parametrize("path", CORE, ids=module)
def test_the_core_imports_nothing_that_touches_the_world(path: Path) -> None:
    names = imported(path.read_text())
    touching = {name for name in names if name.split(".")[0] in OUTSIDE}
    touching |= {name for name in names if name in OUTSIDE_C or name.startswith("posix.")}
    assert not touching


@pytest.mark.parametrize("path", CORE, ids=module)
def test_the_core_imports_nothing_of_the_shell(path: Path) -> None:
    found = {f"{name}." for name in imported(path.read_text())}
    assert not [name for name in found if name.startswith(("fastpxe.serve.", "fastpxe.cli."))]


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "    import socket",
        "from socket import AF_INET",
        "import re, os",
        "import time as t",
        "from os.path import join",
        "cimport time",
        "from time cimport time",
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str) -> None:
    found = {name.split(".")[0] for name in imported(f"x = 1\n{source}\n")}
    assert found & OUTSIDE


def test_the_core_is_not_empty() -> None:
    assert {"_codec", "policy/_respond", "policy/config", "tftp/packets"} <= {
        module(path) for path in CORE
    }


@pytest.mark.parametrize("path", [p for p in CORE if p.suffix == ".py"], ids=module)
def test_the_core_reads_no_clock_and_no_chance(path: Path) -> None:
    """Time and randomness come in as arguments."""
    called = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    assert not [
        name for name in called if re.match(r"random\.|secrets\.|datetime\.now|open$", name)
    ]


def test_every_module_has_a_test_file_or_a_reason() -> None:
    """A module without a function has nothing to test. `_name` is tested in test_name."""
    with_functions = {
        module(path)
        for path in SOURCES
        if path.suffix != ".pxd" and re.search(r"^\s*c?def ", path.read_text(), re.MULTILINE)
    }
    untested = {name for name in with_functions if not file_of_tests(name).is_file()}
    assert untested <= set(TESTED_ELSEWHERE)


def test_no_reason_is_left_of_a_module_that_is_gone() -> None:
    assert set(TESTED_ELSEWHERE) <= {module(path) for path in SOURCES}


def file_of_tests(name: str) -> Path:
    path = TESTS / name.removesuffix("/__init__")
    return path.with_name(f"test_{path.name.removeprefix('_')}.py")


def test_every_cython_module_says_its_types() -> None:
    cython = [path for path in SOURCES if path.suffix == ".pyx"]
    assert not [module(path) for path in cython if not path.with_suffix(".pyi").is_file()]
