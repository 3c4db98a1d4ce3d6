"""Run every target, one after another, each for its share of the time.

example: fuzz/asan .venv/bin/python fuzz/every.py --seconds 60
"""

import subprocess
import sys

from fuzzing import FUZZ, arguments_of

TARGETS = sorted(FUZZ.glob("fuzz_*.py"))


def main() -> None:
    _, arguments = arguments_of(__doc__)
    share = arguments.seconds / len(TARGETS)
    for target in TARGETS:
        options = ("--seconds", str(share), "--seed", str(arguments.seed))
        subprocess.run([sys.executable, target, *options], check=True)


if __name__ == "__main__":
    main()
