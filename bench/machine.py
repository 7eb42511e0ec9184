"""What a figure depends on: the machine, the versions, and what the processes used of it."""

import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import psutil

LIBRARIES = ("faststream", "aiokafka", "asyncpg", "pydantic", "fastapi")


def describe() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    memory = psutil.virtual_memory().total / 2**30
    libraries = " · ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"machine   {model}, {psutil.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}\n"
        f"versions  Python {platform.python_version()} · Apache Kafka 4.3.1 · PostgreSQL 18.6 · {libraries}\n"
        f"commit    {commit.strip() or 'unknown'}"
    )


def spin() -> float:
    """CPU seconds of a fixed piece of work: how fast this machine is in this very hour."""
    begun = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number & 7
    assert total == 35_000_000
    return time.process_time() - begun


class Usage:
    """CPU time of some processes, with all the children they had since."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended: dict[int, float] = {}
        self._begun = self.cpu()

    def cpu(self) -> float:
        """CPU seconds so far; of a child that ended, those until it was last looked at."""
        for process in (self._process, *self._process.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            self._ended[process.pid] = times.user + times.system
        return sum(self._ended.values())

    def since(self) -> float:
        """CPU seconds since this object was made."""
        return self.cpu() - self._begun

    def resident(self) -> float:
        """MiB of memory of the process itself."""
        return float(self._process.memory_info().rss) / 2**20
