"""Make the tables and the picture of what storm.py measured, and put them into the documents.

A document has them between `<!-- report: NAME -->` and `<!-- report: end -->`, NAME being method,
storms, rates, tftp-method or tftp.

example: make report
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import NamedTuple

Measured = dict[str, float]
Taken = dict[str, list[Measured]]

LIMIT, SEED = "C recvmmsg", "dnsmasq, as FOG has it"
C_TFTP = "C gso"
COLORS = ("#7f7f7f", "#1f77b4", "#17becf", "#ff7f0e", "#d62728")
# The servers that answer all lie on one line; the width lets each be seen beneath the next.
WIDTHS = (7, 4.5, 2, 2, 2)


class Results(NamedTuple):
    """What was measured: each server's rounds, and the load average at its lowest and highest."""

    taken: Taken
    load: tuple[float, float]

    def numbers(self, prefix: str) -> list[int]:
        """The N of "answered N", of "p50 N"."""
        keys = self.taken[LIMIT][0]
        return sorted(int(key.removeprefix(prefix)) for key in keys if key.startswith(prefix))


def read(path: Path) -> Results:
    """Read what storm.py --json wrote."""
    found = json.loads(path.read_text())
    return Results(found["taken"], tuple(found["load"]))


def middle(runs: list[Measured], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def spread(runs: list[Measured], key: str) -> str:
    values = [run[key] for run in runs]
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def method(results: Results) -> str:
    rounds = len(next(iter(results.taken.values())))
    low, high = results.load
    return (
        f"{rounds} rounds, alternated, load average {low:.1f} to {high:.1f}; medians, with the "
        "lowest and the highest in brackets.\n"
    )


def storms(results: Results) -> str:
    """The share answered; milliseconds to the last answer; these to the C responder's."""
    sizes = results.numbers("answered ")
    lines = [["server", *(f"{n:,} at once" for n in sizes)], ["---"] * (len(sizes) + 1)]
    for name, runs in results.taken.items():
        cells = [name]
        for n in sizes:
            doubles = int(max(run[f"duplicates {n}"] for run in runs))
            extra = f", {doubles} twice" if doubles else ""
            ratio = middle(runs, f"last {n}") / middle(results.taken[LIMIT], f"last {n}")
            answered = middle(runs, f"answered {n}")
            cells.append(f"{answered:.2f} %{extra}; {spread(runs, f'last {n}')}; {ratio:.2f}")
        lines.append(cells)
    return table(lines)


def rates(results: Results) -> str:
    """The sustained rate, and microseconds from the kernel's receive time to the send."""
    asked = results.numbers("p50 ")
    heads = [f"p50; p99 µs at {rate:,}/s" for rate in asked]
    lines = [["server", "requests/s", "to C", "to dnsmasq", *heads], ["---"] * (len(asked) + 4)]
    for name, runs in results.taken.items():
        sustained = middle(runs, "sustained")
        to_limit, to_seed = (
            sustained / middle(results.taken[other], "sustained") for other in (LIMIT, SEED)
        )
        cells = [name, spread(runs, "sustained"), f"{to_limit:.2f}", f"{to_seed:.1f}"]
        for n in asked:
            is_timed = all(f"p50 {n}" in run for run in runs)  # dnsmasq doesn't say
            columns = (f"p50 {n}", f"p99 {n}") if is_timed else ()
            cells.append("; ".join(spread(runs, column) for column in columns) or "-")
        lines.append(cells)
    return table(lines)


def downloads(results: Results) -> str:
    """MB/s of what was downloaded whole; those to the C server's; the most failures and repeats."""
    prefix = "speed "
    first = next(iter(results.taken.values()))[0]
    loads = [key.removeprefix(prefix) for key in first if key.startswith(prefix)]
    lines = [["server", *loads], ["---"] * (len(loads) + 1)]
    for name, runs in results.taken.items():
        cells = [name]
        for load in loads:
            ratio = middle(runs, prefix + load) / middle(results.taken[C_TFTP], prefix + load)
            failed = int(max(run[f"failed {load}"] for run in runs))
            repeated = int(max(run[f"repeated {load}"] for run in runs))
            extra = f"; {failed:,} failed" if failed else ""
            extra += f"; {repeated:,} repeated requests" if repeated else ""
            cells.append(f"{spread(runs, prefix + load)}; {ratio:.2f}{extra}")
        lines.append(cells)
    return table(lines)


def table(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def put_into(document: Path, results: Results, sent: Results) -> None:
    """Replace each part of a document that is made from the measurements."""
    text = document.read_text()
    parts = {
        "method": method(results), "storms": storms(results), "rates": rates(results),
        "tftp-method": method(sent), "tftp": downloads(sent),
    }  # fmt: skip
    for name, made in parts.items():
        begin, end = f"<!-- report: {name} -->\n", "<!-- report: end -->"
        before, found, rest = text.partition(begin)
        if found:
            text = before + begin + made + end + rest.partition(end)[2]
    document.write_text(text)


def text(results: Results) -> str:
    """All of it, for the terminal."""
    return f"{method(results)}\n{storms(results)}\n{rates(results)}"


def draw(results: Results, picture: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - storm.py needs the tables alone

    figure = Figure(figsize=(11, 4), layout="constrained")
    shares, speeds = figure.subplots(1, 2)
    sizes = results.numbers("answered ")
    for (name, runs), color, width in zip(results.taken.items(), COLORS, WIDTHS, strict=True):
        middles = [middle(runs, f"answered {size}") for size in sizes]
        shares.plot(sizes, middles, color=color, linewidth=width, marker="o", label=name)
        sustained = [run["sustained"] for run in runs]
        center = statistics.median(sustained)
        whiskers = [[center - min(sustained)], [max(sustained) - center]]
        speeds.barh(name, center, xerr=whiskers, color=color, capsize=4)
    shares.set(xlabel="clients at once", ylabel="answered, %", ylim=(0, 105))
    shares.set_xticks(sizes, [f"{size:,}" for size in sizes])
    shares.set_title("A storm in which each client asks once")
    shares.legend(loc="center right", fontsize="small")
    speeds.set(xlabel="requests a second, no more than 0.1 % lost")
    speeds.set_title("Sustained on one core: median, lowest, highest")
    speeds.invert_yaxis()
    speeds.xaxis.set_major_formatter("{x:,.0f}")
    speeds.locator_params(axis="x", nbins=5)
    figure.savefig(picture, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measured", type=Path, help="the file that storm.py --json wrote")
    parser.add_argument("tftp", type=Path, help="the file that tftp.py --json wrote")
    parser.add_argument("picture", type=Path, help="a .png or .svg to write")
    parser.add_argument("documents", type=Path, nargs="*", help="those to put the tables into")
    arguments = parser.parse_args()
    results = read(arguments.measured)
    draw(results, arguments.picture)
    for document in arguments.documents:
        put_into(document, results, read(arguments.tftp))
    print(text(results), end="")


if __name__ == "__main__":
    main()
