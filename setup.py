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
    "fastpxe.dnsmasq.engine._answer_cache": "fastpxe/dnsmasq/engine/_answer_cache.pyx",
    "fastpxe.policy._respond": "fastpxe/policy/_respond.pyx",
    "fastpxe.dhcp._template": "fastpxe/dhcp/_template.pyx",
    "fastpxe.dhcp._responder": "fastpxe/dhcp/_responder.pyx",
    "fastpxe.dhcp._request": "fastpxe/dhcp/_request.pyx",
    "fastpxe._codec": "fastpxe/_codec.pyx",
    "fastpxe.policy._host_table": "fastpxe/policy/_host_table.pyx",
    "fastpxe.tftp._transfer": "fastpxe/tftp/_transfer.pyx",
    "fastpxe.serve.tftp._block_sender": "fastpxe/serve/tftp/_block_sender.pyx",
    "fastpxe.serve.tftp._transfers": "fastpxe/serve/tftp/_transfers.pyx",
    "fastpxe.serve.ipc._event_ring": "fastpxe/serve/ipc/_event_ring.pyx",
    "fastpxe.serve.dhcp._port": "fastpxe/serve/dhcp/_port.pyx",
    "fastpxe.probe._storm": "fastpxe/probe/_storm.pyx",
}

setup(
    options={"build_ext": {"parallel": len(os.sched_getaffinity(0))}},
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
