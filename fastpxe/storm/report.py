"""What came of a storm: counts, percentiles, a histogram; as text, and as JSON through msgspec."""

from collections.abc import Iterator, Sequence

import msgspec

from fastpxe.firmware.offers import BootFile

STEPS = (1, 1.5, 2, 3, 5, 7)
"""Edges of the bins in a decade: a latency has no scale of its own."""

BAR_WIDTH = 40
_EIGHTHS = "▏▎▍▌▋▊▉█"


class Bin(msgspec.Struct, frozen=True):
    """How many of the values are from `low_us` to below `high_us`, in microseconds."""

    low_us: float
    high_us: float
    count: int


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How values lie, in microseconds; percentiles by nearest rank."""

    p50_us: float = 0
    p99_us: float = 0
    p999_us: float = 0
    max_us: float = 0
    histogram: tuple[Bin, ...] = ()


class KindResult(msgspec.Struct, frozen=True, kw_only=True):
    """Clients of one kind. `offer` is from the first answer to one of them."""

    name: str
    clients: int
    answered: int
    offer: BootFile | None


class Downloads(msgspec.Struct, frozen=True, kw_only=True):
    """What came of fetching the files over TFTP.

    failures: how many failed, by reason. sizes: bytes of each file. duration: of one download.
    """

    started: int
    completed: int
    failures: dict[str, int]
    sizes: dict[str, int]
    size_bytes: int
    seconds: float
    duration: Spread


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A storm that is over.

    sent: requests, repeats included. lost: clients without an answer. duplicates: answers beyond
    one for each request. plain: answers without PXE's class, from ordinary DHCP servers. servers:
    answers by the address that they came from. sending_s, last_answer_s: from the first request to
    the last one, and to the last client's first answer. warnings: what limits the measurement.
    """

    plan: str
    clients: int
    sent: int
    answered: int
    duplicates: int
    plain: int
    servers: dict[str, int]
    sending_s: float
    last_answer_s: float
    latency: Spread
    kinds: tuple[KindResult, ...]
    downloads: Downloads | None = None
    was_interrupted: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Clients without an answer."""
        return self.clients - self.answered

    @property
    def is_clean(self) -> bool:
        """Whether every client was answered once, and got its file if it asked for it."""
        fetched = self.downloads
        return (
            self.lost == 0
            and self.duplicates == 0
            and (fetched is None or (0 < fetched.started == fetched.completed))
        )


def spread(values_ns: Sequence[int]) -> Spread:
    """How values lie, given in nanoseconds."""
    if not values_ns:
        return Spread()
    ordered = [value / 1000 for value in sorted(values_ns)]
    return Spread(
        p50_us=percentile(ordered, 50),
        p99_us=percentile(ordered, 99),
        p999_us=percentile(ordered, 99.9),
        max_us=ordered[-1],
        histogram=histogram(ordered),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the least value with `share` % of all at or below it."""
    rank = -(-len(ordered) * round(share * 10) // 1000)
    return ordered[max(rank, 1) - 1]


def histogram(ordered: Sequence[float]) -> tuple[Bin, ...]:
    """Count sorted values in bins that grow with them, from the first one's to the last one's."""
    bins = []
    at = 0
    for low, high in _edges(ordered[-1]):
        start = at
        while at < len(ordered) and ordered[at] < high:
            at += 1
        if at:
            bins.append(Bin(low, high, at - start))
    return tuple(bins)


def _edges(most: float) -> Iterator[tuple[float, float]]:
    low, decade = 0.0, 1
    while True:
        for step in STEPS:
            yield low, step * decade
            low = step * decade
            if low > most:
                return
        decade *= 10


def files_to_fetch(result: Result, file: str = "") -> list[BootFile]:
    """What each answered client fetches: the file of its kind's offer, or `file` for all."""
    wanted = []
    for kind in result.kinds:
        offer = kind.offer
        if file:
            server = offer.server if offer else next(iter(result.servers), "0.0.0.0")
            offer = BootFile(file=file, server=server)
        if offer is not None:
            wanted += [offer] * kind.answered
    return wanted


def json(result: Result) -> bytes:
    """The result and what follows from it, indented."""
    derived = {"clean": result.is_clean, "lost": result.lost}
    return msgspec.json.format(msgspec.json.encode(derived | msgspec.to_builtins(result)))


def text(result: Result) -> Iterator[str]:
    """The report for a terminal, line by line."""
    yield result.plan
    yield from _counts(result)
    yield ""
    for kind in result.kinds:
        yield _kind_line(kind)
    if result.latency.histogram:
        yield ""
        yield "latency, from the first request to the first answer"
        yield from bars(result.latency.histogram)
    if result.downloads is not None:
        yield ""
        yield from _download_lines(result.downloads)
    yield from (f"note: {warning}" for warning in result.warnings)


def _counts(result: Result) -> Iterator[str]:
    rate = f" ({result.sent / result.sending_s:,.0f}/s)" if result.sending_s else ""
    stopped = ", then interrupted" if result.was_interrupted else ""
    took = duration(result.sending_s * 1e6)
    yield f"  sent        {result.sent:,} requests in {took}{rate}{stopped}"
    share = 100 * result.answered / result.clients
    last = f", the last after {duration(result.last_answer_s * 1e6)}" if result.answered else ""
    yield f"  answered    {result.answered:,} of {result.clients:,} clients ({share:.4g} %){last}"
    yield f"  lost        {result.lost:,}"
    yield f"  duplicates  {result.duplicates:,}"
    if result.plain:
        yield f"  not PXE     {result.plain:,} answers of ordinary DHCP servers"
    for address, count in result.servers.items():
        yield f"  from        {address}: {count:,} answers"
    if result.answered:
        spread = result.latency
        yield (
            f"  latency     p50 {duration(spread.p50_us)}  p99 {duration(spread.p99_us)}  "
            f"p99.9 {duration(spread.p999_us)}  max {duration(spread.max_us)}"
        )


def _kind_line(kind: KindResult) -> str:
    said = f"{kind.offer.file} from {kind.offer.server}" if kind.offer else "no file named"
    if not kind.answered:
        said = "no answer"
    return f"  {kind.name:18} {kind.answered:,} of {kind.clients:,} answered: {said}"


def _download_lines(downloads: Downloads) -> Iterator[str]:
    speed = downloads.size_bytes / downloads.seconds / 1e6 if downloads.seconds else 0
    yield (
        f"downloads     {downloads.completed:,} of {downloads.started:,} completed in "
        f"{duration(downloads.seconds * 1e6)}, {speed:,.1f} MB/s"
    )
    for file, size in downloads.sizes.items():
        yield f"  {file}: {size:,} bytes"
    for reason, count in downloads.failures.items():
        yield f"  failed {count:,}: {reason}"
    if downloads.completed:
        spread = downloads.duration
        yield f"  each        p50 {duration(spread.p50_us)}  max {duration(spread.max_us)}"


def bars(bins: Sequence[Bin]) -> Iterator[str]:
    """A histogram in characters, a line for each bin."""
    most = max(one.count for one in bins)
    for one in bins:
        label = f"{duration(one.low_us)} to {duration(one.high_us)}"
        yield f"  {label:>20} {_bar(one.count, most):{BAR_WIDTH}} {one.count:,}"


def _bar(count: int, most: int) -> str:
    """Eighths of a character, so that a single client among thousands is still seen."""
    eighths = -(-count * BAR_WIDTH * 8 // most)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part - 1] if part else "")


def duration(us: float) -> str:
    """Microseconds with the unit that suits them, in three digits."""
    for limit, unit in ((1000, "us"), (1_000_000, "ms")):
        if us < limit:
            return f"{us / (limit / 1000):.3g} {unit}"
    return f"{us / 1_000_000:.3g} s"
