"""The worker pools of a server: the current one, and those before it, which finish their work."""

from collections import Counter
from collections.abc import Callable, Iterator

from fastpxe.events import Event
from fastpxe.monitor.histogram import Histogram, merged
from fastpxe.serve.ipc.event_channel import EventReader
from fastpxe.serve.worker_pool import WorkerPool


class WorkerPools:
    """The pool that serves, those that are retired, and the totals of all since the start."""

    def __init__(self, first: WorkerPool) -> None:
        self._pools = [first]  # the last one serves
        self._ended_counts: Counter[str] = Counter()
        self._ended_latency: Histogram = []

    @property
    def current(self) -> WorkerPool:
        """The pool that serves."""
        return self._pools[-1]

    def replace(self, pool: WorkerPool) -> None:
        """Make a started pool the current one, and retire the one before."""
        before = self.current
        self._pools.append(pool)
        before.retire()

    def retire(self, pool: WorkerPool) -> None:
        """Retire a pool that was started in part."""
        self._pools.insert(0, pool)
        pool.retire()

    def on_retired_exit(self, pid: int, status: int) -> None:
        """Handle the end of a process that belongs to a retired pool, if it does."""
        for pool in self._pools[:-1]:
            for child in pool.children:
                if child.pid == pid:
                    child.on_retired_exit(status)

    def close_ended(self) -> None:
        """Close the retired pools whose last process has ended."""
        for pool in self._pools[:-1]:
            if not pool.pids:
                self._pools.remove(pool)
                self._close(pool)

    def close(self) -> None:
        """Close all pools, whose processes have ended; the totals stay."""
        while self._pools:
            self._close(self._pools.pop())

    @property
    def pids(self) -> list[int]:
        """The process ids of all pools."""
        return [pid for pool in self._pools for pid in pool.pids]

    def readers(
        self, on_event: Callable[[Event], None], wants_details: Callable[[], bool]
    ) -> Iterator[EventReader]:
        """Readers of the events of all pools; for the arguments see EventReader."""
        for pool in self._pools:
            yield from pool.readers(on_event, wants_details)

    def counts(self) -> Counter[str]:
        """The number of datagrams by outcome since the start."""
        total = Counter(self._ended_counts)
        for pool in self._pools:
            total.update(pool.counts())
        return total

    def latency(self) -> Histogram:
        """The latency of answers since the start."""
        latencies = (latency for pool in self._pools for latency in pool.latencies())
        return merged([self._ended_latency, *latencies])

    def _close(self, pool: WorkerPool) -> None:
        self._ended_counts.update(pool.counts())
        self._ended_latency = merged([self._ended_latency, *pool.latencies()])
        pool.close()
