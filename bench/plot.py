"""Draw what storm.py measured: the share answered by the storm's size, and the sustained rate.

example: make plot
"""

import argparse
import json
import statistics
from pathlib import Path

from matplotlib.figure import Figure

PREFIX = "answered "
COLORS = ("#7f7f7f", "#1f77b4", "#17becf", "#ff7f0e", "#d62728")
# The servers that answer all lie on one line; the width lets each be seen beneath the next.
WIDTHS = (7, 4.5, 2, 2, 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measured", type=Path, help="the file that storm.py --json wrote")
    parser.add_argument("picture", type=Path, help="a .png or .svg to write")
    arguments = parser.parse_args()
    taken = json.loads(arguments.measured.read_text())
    draw(taken, arguments.picture)


def draw(taken: dict[str, list[dict[str, float]]], picture: Path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    shares, rates = figure.subplots(1, 2)
    measured = next(iter(taken.values()))[0]
    sizes = sorted(int(key.removeprefix(PREFIX)) for key in measured if key.startswith(PREFIX))
    for (name, runs), color, width in zip(taken.items(), COLORS, WIDTHS, strict=True):
        middles = [statistics.median(run[f"{PREFIX}{size}"] for run in runs) for size in sizes]
        shares.plot(sizes, middles, color=color, linewidth=width, marker="o", label=name)
        sustained = [run["sustained"] for run in runs]
        middle = statistics.median(sustained)
        whiskers = [[middle - min(sustained)], [max(sustained) - middle]]
        rates.barh(name, middle, xerr=whiskers, color=color, capsize=4)
    shares.set(xlabel="clients at once", ylabel="answered, %", ylim=(0, 105))
    shares.set_xticks(sizes, [f"{size:,}" for size in sizes])
    shares.set_title("A storm in which each client asks once")
    shares.legend(loc="center right", fontsize="small")
    rates.set(xlabel="requests a second, no more than 0.1 % lost")
    rates.set_title("Sustained on one core: median, lowest, highest")
    rates.invert_yaxis()
    rates.xaxis.set_major_formatter("{x:,.0f}")
    rates.locator_params(axis="x", nbins=5)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
