"""Build the Cython modules; everything static is in pyproject.toml.

FASTPXE_SANITIZE=asan      address and undefined-behaviour sanitizers, C warnings are errors
FASTPXE_SANITIZE=coverage  the same without the errors, and what libFuzzer reads; by clang
FASTPXE_ANNOTATE=1         write the annotated HTML next to each .pyx
"""

import os

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup

Options.warning_errors = True

CFLAGS = ["-O2", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-cast-function-type"]
LDFLAGS: list[str] = []
SANITIZE = {
    "asan": ["-Werror", "-fsanitize=address,undefined"],
    "coverage": ["-fsanitize=fuzzer-no-link,address,undefined", "-Wno-everything"],
}
if kind := os.environ.get("FASTPXE_SANITIZE"):
    sanitizers = [*SANITIZE[kind], "-fno-sanitize-recover=undefined"]
    CFLAGS += ["-O1", "-fno-omit-frame-pointer", *sanitizers]
    LDFLAGS += sanitizers

MODULES = {
    "fastpxe.dnsmasq._cache": "fastpxe/dnsmasq/_cache.pyx",
    "fastpxe._reply": "fastpxe/_reply.pyx",
    "fastpxe._request": "fastpxe/_request.pyx",
    "fastpxe._codec": "fastpxe/_codec.pyx",
    "fastpxe._hosts": "fastpxe/_hosts.pyx",
    "fastpxe._transfer": "fastpxe/_transfer.pyx",
    "fastpxe.serve._blocks": "fastpxe/serve/_blocks.pyx",
    "fastpxe.serve._downloads": "fastpxe/serve/_downloads.pyx",
    "fastpxe.serve._mmsg": "fastpxe/serve/_mmsg.pyx",
    "fastpxe.serve._storm": "fastpxe/serve/_storm.pyx",
}

setup(
    ext_modules=cythonize(
        [
            Extension(name, [source], extra_compile_args=CFLAGS, extra_link_args=LDFLAGS)
            for name, source in MODULES.items()
        ],
        annotate=os.environ.get("FASTPXE_ANNOTATE") == "1",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "auto_pickle": False,
            "autotestdict": False,
            "embedsignature": False,
        },
    ),
)
