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
SHELL = ("serve/", "cli/", "__main__.py")
CORE = [path for path in SOURCES if not str(path.relative_to(PACKAGE)).startswith(SHELL)]

# Modules with functions but without a test file of their own, and why.
TESTED_ELSEWHERE = {
    "cli/__init__": "test_cli runs the whole command line",
    "cli/check": "test_cli runs it",
    "cli/doctor": "test_cli_doctor runs it",
    "cli/explain": "test_cli runs it",
    "cli/host": "test_cli_host runs it",
    "cli/admin_client": "test_cli_watch has it ask real servers",
    "cli/watch": "test_cli_watch runs it",
    "cli/import_": "test_cli_import runs it",
    "cli/logs": "test_cli_logs writes in each format",
    "cli/outlet": "faults/test_log_unread serves with a log that nobody reads",
    "serve/config_sign": "serve/test_config_watch changes files in every way",
    "cli/serve": "serve/test_supervisor runs it as a process",
    "cli/source": "test_cli reads configurations through it",
    "cli/storm": "test_cli_storm runs it",
    "findings": "test_check_native prints its text",
    "_request": "a view of what _codec parsed: test_codec reads everything through it",
    "dnsmasq/decide": "dnsmasq/test_choose and test_engine ask for its decisions",
    "dnsmasq/decision": "records; dnsmasq/test_engine reads them",
    "dnsmasq/facts": "dnsmasq/test_tags asks for what each test finds",
    "dnsmasq/model": "records and their text: the tests of the reader see them",
    "dnsmasq/native_cases": "dnsmasq/test_proof proves its cases, written as rules",
    "dnsmasq/native_tags": "dnsmasq/test_translate asks for each tag's rule",
    "dnsmasq/native_tests": "dnsmasq/test_translate asks for each test's condition",
    "dnsmasq/traps": "dnsmasq/test_translate reads every remark",
    "diagnosis": "texts: test_journal sees each problem found",
    "events": "records; test_journal and test_log ask which are routine",
    "errors": "holds no logic: test_config and others see its classes raised",
    "dnsmasq/labels": "dnsmasq/test_answers and test_cache read the log of each decision",
    "dnsmasq/cache_rules": "dnsmasq/test_cache and test_answers hold its rules against the engine",
    "serve/boot_files": "serve/test_examine and serve/test_supervisor look files up",
    "serve/children": "faults/test_children kills them, and has none forked",
    "serve/front": "serve/test_supervisor serves both kinds of configuration through it",
    "serve/generation": "serve/test_supervisor and faults/test_children reload",
    "serve/http_child": "serve/test_supervisor kills and retires the process",
    "serve/listening": "serve/test_supervisor counts what each worker's sockets answer",
    "metrics": "serve/test_admin reads them as Prometheus does",
    "serve/vitals": "serve/test_admin asks after a stopped worker",
    "tables": "test_config reads every key of them",
    "serve/observer": "serve/test_supervisor and serve/test_host_keeper see what it tells",
    "serve/recorder": "serve/test_supervisor reads its log, and kills it",
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
    assert {"_codec", "_reply", "policy", "config", "tftp"} <= {module(path) for path in CORE}


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
