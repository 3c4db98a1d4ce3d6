"""Run a target under libFuzzer; called by fuzz/coverage, which says what is needed.

Inputs that reached something new are kept in build/coverage/found/<target>, and begin the next run.
"""

import importlib
import sys

import atheris
from fuzzing import FUZZ, keep

LONGEST = 2048  # bytes of an input: what a datagram has


def main() -> None:
    name, *options = sys.argv[1:]
    found = FUZZ.parent / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["fastpxe"]):
        target = importlib.import_module(f"fuzz_{name}")
    for number, seed in enumerate(target.seeds()):
        (found / f"seed-{number}").write_bytes(seed)
    words = found.with_suffix(".words")
    escaped = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.TOKENS if token)
    words.write_text("".join(f'"{token}"\n' for token in escaped))

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except BaseException:
            print(f"{name}: {keep(name, data)}")
            raise

    atheris.Setup(
        [
            sys.argv[0],
            f"-artifact_prefix={FUZZ / 'corpus' / name}/",
            f"-dict={words}",
            f"-max_len={LONGEST}",
            "-print_final_stats=1",
            *options,
            str(found),
            str(FUZZ / "corpus" / name),
        ],
        check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
