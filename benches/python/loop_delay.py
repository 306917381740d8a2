"""What watching does to an event loop that has other things to do: how late a ticker is, while a program dispatches at a steady rate.

    python benches/python/loop_delay.py [--rounds 15] [--rate 2000] [--seconds 2]

Rounds are interleaved. The figure of a round is the 99th percentile of the lateness of a 1 kHz ticker; reported are the medians over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import statistics
from typing import Any

from observers import Arm, arms, server, small

NAMES = ["nothing", "nothing again", "shipped", "loom-studio"]


async def ticker(end: float, late: list[float]) -> None:
    loop = asyncio.get_running_loop()
    at = loop.time()
    while at < end:
        at += 0.001
        await asyncio.sleep(max(0.0, at - loop.time()))
        late.append(loop.time() - at)
        # Ticks that have passed meanwhile are not made up for: one delay counts once.
        at = max(at, loop.time() - 0.001)


async def one_round(arm: Arm, events: list[Any], rate: int) -> float:
    """Microseconds of lateness, 99th percentile."""
    loop = asyncio.get_running_loop()
    late: list[float] = []
    with arm.at_work():
        begin = loop.time()
        ticking = asyncio.create_task(ticker(begin + len(events) / rate, late))
        for number, event in enumerate(events):
            await arm.dispatcher.dispatch(event)
            ahead = begin + (number + 1) / rate - loop.time()
            if ahead > 0.0005:
                await asyncio.sleep(ahead)
        await ticking
        await arm.settle()
    return statistics.quantiles(late, n=100)[98] * 1e6


async def measure(url: str, rounds: int, rate: int, seconds: float) -> dict[str, list[float]]:
    rng = random.Random(7)
    observers = arms(url, NAMES)
    for arm in observers:
        await arm.start()
    Arm.lasting = len(asyncio.all_tasks()) - 1
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for number in range(rounds + 1):
        rng.shuffle(observers)
        for arm in observers:
            events = [small(rng) for _ in range(int(rate * seconds))]
            gc.collect()
            delay = await one_round(arm, events, rate)
            if number > 0:
                found[arm.name].append(delay)
            await asyncio.sleep(0.05)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}; {options.rate} small events/s")
    with server() as url:
        found = asyncio.run(measure(url, options.rounds, options.rate, options.seconds))
    pair = statistics.median(found["nothing"] + found["nothing again"])
    for name in NAMES:
        values = found[name]
        median = statistics.median(values)
        print(f"  {name:15} p99 {median:7.0f} us   [{min(values):.0f} to {max(values):.0f}]   {median / pair:.2f} x the pair of nothing")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
