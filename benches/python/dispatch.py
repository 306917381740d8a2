"""What watching costs the event loop, per dispatch: thread CPU time of real dispatches, both phases, the handler and its context included.

    python benches/python/dispatch.py [--rounds 9] [--small 2000] [--large 300]

Rounds are interleaved: each observer takes its turn in each, in an order that changes. Figures are medians over the rounds, minus that of an interceptor that
does nothing; "nothing again" is another of these, and shows what the difference of two equal things is here.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from observers import Arm, arms, large, server, small

NAMES = ["nothing", "nothing again", "shipped", "deep copy", "OpenTelemetry", "loom-studio"]


async def one_round(arm: Arm, events: list[Any]) -> float:
    """Nanoseconds of this thread's processor time per dispatch."""
    with arm.at_work():
        await arm.dispatch(events[:20])
        await arm.settle()
        begin = time.thread_time_ns()
        await arm.dispatch(events[20:])
        await arm.settle()
        return (time.thread_time_ns() - begin) / (len(events) - 20)


async def measure(url: str, make: Callable[[random.Random], Any], rounds: int, count: int) -> dict[str, list[float]]:
    rng = random.Random(7)
    observers = arms(url, NAMES)
    for arm in observers:
        await arm.start()
    Arm.lasting = len(asyncio.all_tasks()) - 1
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(rounds + 1):
        rng.shuffle(observers)
        for arm in observers:
            events = [make(rng) for _ in range(count + 20)]
            gc.collect()
            spent = await one_round(arm, events)
            if number > 0:
                found[arm.name].append(spent)
            await asyncio.sleep(0.05)
    return found


def report(title: str, found: dict[str, list[float]]) -> None:
    floor = statistics.median(found["nothing"])
    added = {name: statistics.median(values) - floor for name, values in found.items()}
    ours = added["loom-studio"]
    print(f"{title}: a dispatch with an interceptor that does nothing takes {floor / 1000:.2f} us")
    for name in NAMES[1:]:
        values = sorted(value - floor for value in found[name])
        print(f"  {name:15} +{added[name] / 1000:8.2f} us   [{values[0] / 1000:.2f} to {values[-1] / 1000:.2f}]   {added[name] / ours:5.1f} x ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=300)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}")
    with server() as url:
        report("small", asyncio.run(measure(url, small, options.rounds, options.small)))
        report("large", asyncio.run(measure(url, large, options.rounds, options.large)))
    import loom_studio

    loom_studio.flush(5)
    stats = loom_studio.stats()
    print(f"load average {os.getloadavg()[0]:.1f}; loom-studio lost {stats['dropped_full'] + stats['dropped_too_large'] + stats['rejected']}")


if __name__ == "__main__":
    main()
