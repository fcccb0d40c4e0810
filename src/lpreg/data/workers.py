"""Processes that decode a large set side by side.

Threads gain nothing here, since small images wait for Python's lock; and the processes of
`multiprocessing` would run the caller's own script again, and import torch. A bare Python with
`pixels` as its program starts in a fifth of a second.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from lpreg.data import pixels
from lpreg.data.pixels import BYTES, Job, Unfit

ENOUGH = 1000
"""Images for which another process is worth its start."""


def decode(job: Job, tick: Callable[[int], Any]) -> None:
    """As `pixels.decode`, on all cores when there are many images."""
    team = max(1, min(cores(), len(job.names) // ENOUGH))
    if team == 1:
        pixels.decode(job, tick)
        return
    ends = [len(job.names) * k // team for k in range(team + 1)]
    with ThreadPoolExecutor(team) as threads:
        processes = [_start() for _ in range(team)]
        try:
            parts = [_part(job, first, end) for first, end in pairwise(ends)]
            pairs = zip(processes, parts, strict=True)
            for each in [threads.submit(_follow, *pair, tick) for pair in pairs]:
                each.result()
        finally:
            for process in processes:
                process.kill()


def _part(job: Job, first: int, end: int) -> Job:
    return Job(job.source, job.names[first:end], job.target, job.offset + first * BYTES)


def _start() -> subprocess.Popen[str]:
    # in a session of its own: Ctrl-C is answered here, and ends it
    return subprocess.Popen(
        [sys.executable, "-P", pixels.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _follow(process: subprocess.Popen[str], job: Job, tick: Callable[[int], Any]) -> None:
    """Give a process its job, and hear it to its end."""
    with process:
        assert process.stdin and process.stdout
        json.dump(asdict(job), process.stdin)
        process.stdin.close()
        said = ""
        for said in process.stdout:
            if said.strip().isdigit():
                tick(int(said))
    kind, _, message = said.strip().partition(" ")
    if kind == Unfit.__name__:
        raise Unfit(message)
    if process.returncode != 0:
        raise OSError(message or f"a process that decodes ended with code {process.returncode}")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
