"""What the fuzz targets share: mutation, the time they get, the corpus that findings go to.

A target is a module fuzz_<name> with
  seeds()       inputs that make sense
  TOKENS        bytes that mean something where they stand
  check(data)   hears an input; anything that it raises is a finding
Its folder corpus/<name> holds the inputs of findings, and others worth keeping: tests/test_fuzz.py
has `check` hear each. fuzz/coverage runs the same targets guided by coverage.
"""

import argparse
import hashlib
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

FUZZ = Path(__file__).parent
TESTS = FUZZ.parent / "tests"
BATCH = 100

Check = Callable[[bytes], None]


def corpus(name: str) -> list[bytes]:
    """The inputs kept for a target."""
    return [path.read_bytes() for path in sorted((FUZZ / "corpus" / name).iterdir())]


def packets() -> list[bytes]:
    """Requests of real machines."""
    return [path.read_bytes() for path in sorted((TESTS / "corpus").glob("*.bin"))]


def mutated(
    rng: random.Random, seeds: Sequence[bytes], tokens: Sequence[bytes], header: int
) -> bytes:
    """Change an input here and there, mostly behind its header."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 8)):
        spared = header if rng.random() < 0.95 and header < len(data) else 0
        at = rng.randrange(spared, len(data) + 1)
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                data[at] = rng.randrange(256)
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 16))
            case 3:
                del data[at : at + rng.randint(1, 64)]
            case 4:
                data[at:at] = rng.choice(tokens)
            case 5:  # a part of it once more, or many times
                data[at:at] = data[at : at + rng.randint(1, 40)] * rng.choice((1, 1, 2, 40))
            case 6:
                other = rng.choice(seeds)
                data[at:] = other[rng.randrange(min(spared, len(other)), len(other) + 1) :]
    return bytes(data)


def run(
    check: Check,
    seeds: Iterable[bytes],
    tokens: Sequence[bytes],
    description: str,
    *,
    header: int = 0,
) -> None:
    """Mutate and check for as many seconds of processor time as asked.

    A finding goes to the corpus, and ends the run.

    header: bytes at the start that are seldom changed.
    """
    name, arguments = arguments_of(description)
    rng = random.Random(arguments.seed)
    inputs = [*seeds, *corpus(name)]
    assert inputs, f"no seeds for {name}"
    began = time.process_time()
    count, data = 0, b""
    try:
        while time.process_time() < began + arguments.seconds:
            for _ in range(BATCH):
                data = mutated(rng, inputs, tokens, header)
                check(data)
                count += 1
    except BaseException:
        print(f"{name}: seed {arguments.seed}, input {count}: {keep(name, data)}")
        raise
    print(f"{name}: {count} inputs, {time.process_time() - began:.0f} s, no finding")


def arguments_of(description: str) -> tuple[str, argparse.Namespace]:
    """The target's name, and how many seconds of processor time it is to use, from which seed."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    return re.sub(r"^fuzz_|\.py$", "", Path(parser.prog).name), parser.parse_args()


def keep(name: str, data: bytes) -> Path:
    """Write an input to the corpus; where the sanitizers' build is a copy, to the copy's."""
    path = FUZZ / "corpus" / name / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path
