"""The figures of a server in the words of Prometheus.

Names end in their unit; what counts up ends in _total (https://prometheus.io/docs/practices/naming).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from fastpxe import __version__
from fastpxe.monitor.counters import Counters
from fastpxe.monitor.histogram import Histogram
from fastpxe.monitor.journal import Boot, is_stuck
from fastpxe.monitor.problems import PROBLEMS

# Upper ends of the buckets of a reply's latency, in seconds.
LATENCY_BOUNDS = (
    25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1.0,
)  # fmt: skip


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a server.

    counts: DHCP datagrams by what became of them, and what the kernel dropped. latency: replies by
    the nanoseconds they took. hits: answers by rule. problems: by name, ever. boots: each machine's
    last. workers, alive: processes that serve, and how many of them give signs of life.
    """

    counts: Counter[str]
    latency: Histogram
    hits: Mapping[str, int]
    problems: Mapping[str, int]
    counters: Counters
    boots: tuple[Boot, ...]
    workers: int
    alive: int
    started_at: float


def exposition(figures: Figures, now: float) -> bytes:
    """The figures in Prometheus' text format; `now` is in seconds since 1970."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures, now))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, figures: Figures, now: float) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        figures, counters = self._figures, self._figures.counters
        yield InfoMetricFamily("fastpxe_build", "The version.", {"version": __version__})
        yield GaugeMetricFamily(
            "fastpxe_start_time_seconds", "When it was started, since 1970.", figures.started_at
        )
        workers = GaugeMetricFamily(
            "fastpxe_workers",
            "Processes that serve: workers and the HTTP server.",
            labels=["state"],
        )
        workers.add_metric(["alive"], figures.alive)
        workers.add_metric(["silent"], figures.workers - figures.alive)
        yield workers
        yield from _dhcp(figures)
        yield _counter(
            "fastpxe_tftp_transfers", "TFTP transfers that are over.", "outcome", counters.transfers
        )
        yield CounterMetricFamily(
            "fastpxe_tftp_bytes", "Bytes that TFTP clients acknowledged.", counters.tftp_bytes
        )
        yield CounterMetricFamily(
            "fastpxe_tftp_retransmits",
            "Datagrams of TFTP that were sent again.",
            counters.retransmits,
        )
        yield _counter(
            "fastpxe_tftp_refused", "TFTP requests that were refused.", "code", counters.refused
        )
        yield _sizes(counters)
        yield _requests(counters)
        yield CounterMetricFamily(
            "fastpxe_http_bytes", "Bytes of files sent over HTTP.", counters.http_bytes
        )
        yield _counter(
            "fastpxe_problems", "Boots that got stuck, by what is wrong.", "problem",
            {**dict.fromkeys(PROBLEMS, 0), **figures.problems},  # from 0, else nothing increased
        )  # fmt: skip
        yield _stages(figures.boots, self._now)


def _dhcp(figures: Figures) -> Iterator[Metric]:
    counts = dict(figures.counts)
    dropped, unlogged = counts.pop("dropped_by_kernel", 0), counts.pop("unlogged", 0)
    unsent = counts.pop("unsent", 0)
    yield _counter(
        "fastpxe_dhcp_datagrams", "DHCP datagrams by what became of them.", "outcome", counts
    )
    yield CounterMetricFamily(
        "fastpxe_dhcp_dropped", "Datagrams that the kernel had no room for, at most.", dropped
    )
    yield CounterMetricFamily(
        "fastpxe_dhcp_unsent", "DHCP replies that the kernel refused to send.", unsent
    )
    yield CounterMetricFamily(
        "fastpxe_events_lost",
        "Answers and events of files that were too many to be told of.",
        unlogged,
    )
    yield _counter("fastpxe_rule_answers", "DHCP answers by rule.", "rule", figures.hits)
    latency = HistogramMetricFamily(
        "fastpxe_dhcp_latency_seconds",
        "From the kernel's receive time of a DHCP request to the send of its reply.",
    )
    buckets, total_s = _buckets(figures.latency)
    latency.add_metric([], buckets, total_s)
    yield latency


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulated counts by upper end; the sum takes each reply at the top of its own bucket."""
    bounds = [*LATENCY_BOUNDS, float("inf")]
    counts = [0] * len(bounds)
    for top_ns, count in histogram:
        place = next(i for i, bound in enumerate(bounds) if top_ns / 1e9 <= bound)
        counts[place] += count
    cumulated, buckets = 0, []
    for bound, count in zip(bounds, counts, strict=True):
        cumulated += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(cumulated)))
    return buckets, sum(top * count for top, count in histogram) / 1e9


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _sizes(counters: Counters) -> Metric:
    family = CounterMetricFamily(
        "fastpxe_tftp_negotiated", "Downloads by block and window size.",
        labels=["blksize", "windowsize"],
    )  # fmt: skip
    for sizes, count in counters.sizes.items():
        blksize, _, windowsize = sizes.partition(" ")
        family.add_metric([blksize, windowsize], count)
    return family


def _requests(counters: Counters) -> Metric:
    family = CounterMetricFamily(
        "fastpxe_http_requests", "HTTP requests.", labels=["method", "status"]
    )
    for request, count in counters.requests.items():
        method, _, status = request.partition(" ")
        family.add_metric([method, status], count)
    return family


def _stages(boots: Iterable[Boot], now: float) -> Metric:
    family = GaugeMetricFamily(
        "fastpxe_machines", "Machines by the stage that their last boot reached.", labels=["stage"]
    )
    counted = (boot.stage for boot in boots if boot.stage != "stuck" or is_stuck(boot, now))
    for stage, count in Counter(counted).items():
        family.add_metric([stage], count)
    return family
