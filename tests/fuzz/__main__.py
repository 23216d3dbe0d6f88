"""
The long form of fuzzing: each target for its share of the time, in a process for each core.

What fails is printed in hex with its error, and the exit code is 1.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
import traceback
from typing import NamedTuple

import click

from tests.fuzz.corpus import mutated, seeds
from tests.fuzz.targets import TARGETS

_FINDINGS_MAX = 5  # of a target in a process; more say the same


class Outcome(NamedTuple):
    """What a process found in a target: how often it ran, the slowest run, and what failed."""

    target: str
    executions: int
    seconds_max: float
    findings: list[str]


def fuzz(target: str, seed: int, seconds: float) -> Outcome:
    """Run a target for so long with what a seed of the dice gives."""
    dice, run, known = random.Random(seed), TARGETS[target], seeds()
    executions, seconds_max = 0, 0.0
    findings: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(findings) < _FINDINGS_MAX:
        data = mutated(known, dice)
        started = time.perf_counter()
        try:
            run(data)
        except Exception:  # noqa: BLE001 - that is what is looked for
            findings.append(f"{data.hex()}\n{traceback.format_exc(limit=-4)}")
        seconds_max = max(seconds_max, time.perf_counter() - started)
        executions += 1
    return Outcome(target, executions, seconds_max, findings)


@click.command(help=__doc__)
@click.option("--seconds", default=600.0, help="How long, in all.")
@click.option("--seed", default=None, type=int, help="What makes a run the same again.")
def main(*, seconds: float, seed: int | None) -> None:
    """Fuzz every target, and tell."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    cores = os.cpu_count() or 1
    click.echo(f"seed {seed}, {cores} processes")
    share = seconds / len(TARGETS)
    found = 0
    with multiprocessing.Pool(cores) as pool:
        for target in TARGETS:
            runs = [(target, seed + core, share) for core in range(cores)]
            outcomes = pool.starmap(fuzz, runs)
            findings = [finding for outcome in outcomes for finding in outcome.findings]
            found += len(findings)
            click.echo(
                f"{target}: {sum(outcome.executions for outcome in outcomes)} executions,"
                f" slowest {max(outcome.seconds_max for outcome in outcomes) * 1000:.0f} ms,"
                f" {len(findings)} findings"
            )
            for finding in findings:
                click.echo(finding)
    raise SystemExit(found > 0)


if __name__ == "__main__":
    main()
