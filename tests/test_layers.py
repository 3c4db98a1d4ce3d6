"""The shape of the package: what imports what, no input and output in the core, tests for all."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastpxe

PACKAGE = Path(fastpxe.__file__).parent
TESTS = Path(__file__).parent

# Every package, and every module beside them. Each imports only what is above it in this list.
LAYERS = (
    "fastpxe",  # the version
    "text",
    "json_text",
    "resources",
    "findings",
    "errors",
    "_codec",
    "dhcp",
    "firmware",
    "tftp",
    "events",
    "explanation",
    "dnsmasq",
    "dnsmasq.syntax",
    "policy",
    "backend",
    "dnsmasq.engine",
    "dnsmasq.lint",
    "dnsmasq.convert",
    "config_diff",
    "storm",
    "doctor",
    "monitor",
    # From here on: sockets, clocks, files.
    "net",
    "service",
    "serve.ipc",
    "serve.system",
    "serve.files",
    "serve.dhcp",
    "serve.tftp",
    "serve.http",
    "serve.recorder",
    "serve",
    "probe",
    "cli",
    "__main__",
)
STRANGERS = {("policy", "dnsmasq.engine"), ("dnsmasq.engine", "policy")}  # two engines
MODULES_MAX = 20

# Imports against the rules, and why; each is to go.
EXCEPTIONS = {
    ("_codec", "policy._host_table"): "the matcher looks hosts up in C, in a table that policy has",
}

# What reads a clock, a file, a socket or the environment has no place in the core.
OUTSIDE = {
    "asyncio", "ctypes", "fcntl", "glob", "mmap", "multiprocessing", "os",
    "pathlib", "psutil", "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl",
    "subprocess", "tempfile", "threading", "time", "uvloop",
}  # fmt: skip
OUTSIDE_C = {"libc.time", "libc.stdio", "posix"}

SOURCES = sorted(path for pattern in ("*.py", "*.pyx", "*.pxd") for path in PACKAGE.rglob(pattern))
SHELL = (
    "serve/", "net/", "probe/", "cli/", "__main__.py",
    "service.py",  # selects interfaces, and maps the memory that processes share
)  # fmt: skip
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
    "serve/pools": "faults/test_children and serve/test_supervisor reload",
    "serve/startup": "serve/test_supervisor and serve/system/test_privileges start servers",
    "serve/recorder/tasks": "serve/recorder: tests of the admin port and of both watchers run it",
    "serve/system/stop_signals": "serve/test_supervisor stops, retires and kills processes",
    "service": "serve/test_supervisor serves both kinds of configuration through it",
    "serve/worker_pool": "serve/test_supervisor and faults/test_children reload",
    "serve/http/process": "serve/test_supervisor kills and retires the process",
    "serve/listeners": "serve/test_supervisor counts what each worker's sockets answer",
    "monitor/metrics": "serve/recorder/test_admin reads them as Prometheus does",
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


def name_of(path: Path) -> str:
    """A module's name below fastpxe, such as "serve.child"; a package's is its own."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").removesuffix(".") or "fastpxe"


MODULES = {name_of(path) for path in SOURCES}
PACKAGES = {name_of(path) for path in SOURCES if path.stem == "__init__"}


def layer_of(name: str) -> str:
    """The package that a module is in, or the module itself where it is in none."""
    return name if name in PACKAGES else name.rpartition(".")[0] or name


def imported_modules(path: Path) -> Iterator[str]:
    """The modules of fastpxe that a source imports: `from package import module` too."""
    pattern = (
        r"^\s*(?:from\s+(fastpxe[\w.]*)\s+c?import\s+(\([^)]*\)|.*)|c?import\s+(fastpxe[\w.]*))"
    )
    for base, names, whole in re.findall(pattern, path.read_text(), re.MULTILINE):
        module = (base or whole).removeprefix("fastpxe").removeprefix(".")
        for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", re.sub(r"[()]|#.*", "", names)):
            submodule = f"{module}.{name}".removeprefix(".")
            yield submodule if submodule in MODULES else module or "fastpxe"
        if whole:
            yield module or "fastpxe"


IMPORTS = {(name_of(path), target) for path in SOURCES for target in imported_modules(path)} - set(
    EXCEPTIONS
)


def layers_crossed() -> set[tuple[str, str]]:
    pairs = {(layer_of(module), layer_of(target)) for module, target in IMPORTS}
    return {(layer, target) for layer, target in pairs if layer != target}


def test_every_package_has_its_layer() -> None:
    assert Counter(LAYERS) == Counter({layer_of(module) for module in MODULES})


def test_imports_run_down_the_layers() -> None:
    crossed = layers_crossed()
    assert len(crossed) > len(LAYERS)  # they were found
    assert not [
        (layer, target) for layer, target in crossed if LAYERS.index(target) > LAYERS.index(layer)
    ]


def test_the_two_engines_do_not_know_each_other() -> None:
    assert not layers_crossed() & STRANGERS


def test_no_exception_is_left_of_an_import_that_is_gone() -> None:
    found = {(name_of(path), target) for path in SOURCES for target in imported_modules(path)}
    assert set(EXCEPTIONS) <= found


def test_the_core_is_below_all_that_touches_the_world() -> None:
    core = {layer_of(name_of(path)) for path in CORE}
    assert max(map(LAYERS.index, core)) < LAYERS.index("net")


def test_no_package_has_too_many_modules() -> None:
    sizes = Counter(
        path.parent for path in SOURCES if path.suffix != ".pxd" and path.stem != "__init__"
    )
    assert not [str(folder) for folder, size in sizes.items() if size > MODULES_MAX]


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
