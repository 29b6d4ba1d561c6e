"""Figures beside their peers: timed in turns, in processes of their own, printed as text or JSON."""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

SCHEMA = 1
UNITS = {"KiB": 1 / 1024, "bytes": 1 / 1024**2}  # of ru_maxrss on Linux and on macOS, in MiB

Tasks = Mapping[str, Callable[..., Any]]


class Child:
    """A process that makes its own data once and then does named tasks when told to.

    It is spawned, so that threads, caches and memory of one contestant are no other's.
    """

    def __init__(self, build: Callable[..., Tasks], *arguments: Any, daemon: bool = True) -> None:
        """Start the process and wait until `build(*arguments)` has made the tasks.

        One that starts processes itself is no daemon, and must be stopped.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, arguments), daemon=daemon)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def time(self, task: str) -> float:
        """Do a task and return the seconds it took, without the time on the way."""
        return float(self._ask("time", task))

    def result(self, task: str, *arguments: Any) -> Any:
        """Do a task and return its result."""
        return self._ask("result", task, *arguments)

    def end(self) -> float:
        """End the process and return the most memory it ever held, in MiB."""
        peak = float(self._ask("end"))
        self._process.join()
        return peak

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join()

    def _ask(self, what: str, *arguments: Any) -> Any:
        self._pipe.send((what, arguments))
        return self._pipe.recv()  # EOFError when the child failed; its traceback stands above


def _serve(pipe: Connection, build: Callable[..., Tasks], arguments: Sequence[Any]) -> None:
    tasks = build(*arguments)
    pipe.send("ready")
    while True:
        what, request = pipe.recv()
        if what == "end":
            pipe.send(peak_mib())
            return
        start = time.perf_counter()
        result = tasks[request[0]](*request[1:])
        seconds = time.perf_counter() - start
        pipe.send(seconds if what == "time" else result)


def peak_mib() -> float:
    """Return the most memory that this process has held so far, in MiB."""
    unit = "bytes" if sys.platform == "darwin" else "KiB"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNITS[unit]


def in_turns(contestants: Mapping[str, Callable[[], float]], *, n_rounds: int) -> dict[str, list[float]]:
    """Return what each contestant measured in each round; each round begins with another of them.

    A first round of everybody is thrown away.
    """
    names = list(contestants)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for number in range(n_rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            value = contestants[name]()
            if number:
                measured[name].append(value)
    return measured


@dataclass(frozen=True)
class Figure:
    """What was measured of ours and of its peers, in the same run."""

    name: str
    ours: Sequence[float]
    peers: Mapping[str, Sequence[float]]
    unit: str = "s"
    better: Literal["low", "high"] = "low"
    note: str = ""

    def ratio(self, peer: str) -> float:
        """Return how many times ours is better than the peer, by the medians."""
        ours, theirs = statistics.median(self.ours), statistics.median(self.peers[peer])
        return theirs / ours if self.better == "low" else ours / theirs

    def to_json(self) -> dict[str, Any]:
        """Return the public form."""
        return {
            "schema": SCHEMA,
            "figure": self.name,
            "unit": self.unit,
            "ours": _summary(self.ours),
            "peers": {name: _summary(values) for name, values in self.peers.items()},
            "ratio": {name: round(self.ratio(name), 3) for name in self.peers},
            "note": self.note,
        }

    def to_text(self) -> str:
        """Return lines for a terminal."""
        rows = [("ours", self.ours, "")]
        rows += [(name, values, f"  ratio {self.ratio(name):.2f}") for name, values in self.peers.items()]
        lines = [
            f"{self.name} ({self.unit}; median, low to high; ratio above 1: ours is better)",
            *[f"  {self.note}"] * bool(self.note),
        ]
        for name, values, verdict in rows:
            median, low, high = statistics.median(values), min(values), max(values)
            lines.append(f"  {name:<22}{median:>10.3f}  {low:.3f} to {high:.3f}{verdict}")
        return "\n".join(lines)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 6),
        "low": round(min(values), 6),
        "high": round(max(values), 6),
    }


def report(figures: Iterable[Figure], *, as_json: bool) -> None:
    """Print the figures: text as they come, or one JSON object, the first figure with the others under "more"."""
    if as_json:
        first, *others = [figure.to_json() for figure in figures]
        print(json.dumps(first | {"more": others} if others else first))
    else:
        for number, figure in enumerate(figures):
            print("\n" * bool(number) + figure.to_text(), flush=True)
