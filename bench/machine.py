"""What the machine offers: cores to pin to, tools, versions, and how fast it checks ECDSA."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.backends.openssl import backend

from connector import es256, gateway

PACKAGES: Final = {"nginx": "nginx-light", "wrk": "wrk", "openssl": "openssl"}
"""The Debian package of each tool that no run does without."""

_LIMIT: Final = 30.0


class Cores(NamedTuple):
    """Which cores serve what: the contender alone on one, everything else on the others."""

    contender: int
    others: frozenset[int]

    @property
    def apart(self) -> bool:
        """Whether the contender has a core for itself."""
        return self.contender not in self.others


class BenchError(Exception):
    """The bench cannot go on; the text is one line for whoever runs it."""


def choose_cores() -> Cores:
    """Take the first allowed core for the contender; its hyper-threads go unused where they can."""
    allowed = sorted(os.sched_getaffinity(0))
    contender = allowed[0]
    siblings = _siblings(contender)
    others = [core for core in allowed if core != contender]
    apart = [core for core in others if core not in siblings]
    return Cores(contender, frozenset(apart or others or allowed))


def missing_tools() -> list[str]:
    """Return the Debian packages that are wanted and not there."""
    return [package for tool, package in PACKAGES.items() if shutil.which(tool) is None]


def install_tools(packages: list[str]) -> None:
    """Install Debian packages; needs root."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise BenchError("--install needs root and apt-get")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        if subprocess.run([apt, *command], check=False).returncode:  # noqa: S603 - names are ours
            raise BenchError(f"apt-get {command[0]} failed")


def output_of(command: list[str]) -> str:
    """Return what a short command wrote to both streams; raises BenchError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - each command is written in this folder
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchError(f"{command[0]} failed: {error}") from error
    return done.stdout


def ecdsa_rate(cores: Cores, seconds: int) -> float:
    """Return P-256 verifications per second of ``openssl speed`` on the contender's core."""
    command = ["openssl", "speed", "-mr", "-seconds", str(seconds), "ecdsap256"]
    if cores.apart:
        command = ["taskset", "--cpu-list", str(cores.contender), *command]
    return parse_speed(output_of(command))


def parse_speed(text: str) -> float:
    """Read verifications per second from the machine-readable form of ``openssl speed``."""
    # +F4:<index>:<bits>:<signatures per second>:<verifications per second>
    found = re.search(r"^\+F4:\d+:256:[0-9.]+:([0-9.]+)\s*$", text, re.MULTILINE)
    if found is None:
        raise BenchError("openssl speed printed no line for ECDSA P-256")
    return float(found[1])


def versions(store_binary: str) -> dict[str, str]:
    """Return what the figures depend on; nothing that identifies the machine."""
    found = {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "system": _system(),
        "Python": platform.python_version() + ("" if _optimised() else ", built unoptimised"),
        "the gateway": "compiled by mypyc" if _compiled() else "not compiled",
        "OpenSSL in Python": backend.openssl_version_text().removeprefix("OpenSSL "),
        "AWS-LC in Python": _aws_lc(),
        "openssl speed": _version(["openssl", "version"]),
        "nginx": _version(["nginx", "-v"]),
        "wrk": _version(["wrk", "-v"]),
        "Valkey": _version([store_binary, "--version"]),
        "redis-py": version("redis"),
    }
    if shutil.which("node"):
        found["Node"] = _version(["node", "--version"])
    return found


def _compiled() -> bool:
    """Whether the gateway is what ``make compiled`` made; see docs/performance.md."""
    return not str(gateway.__file__).endswith(".py")


def _aws_lc() -> str:
    return f"awscrt {version('awscrt')}" if es256.library() else "not there"


def _optimised() -> bool:
    """Whether Python was built with profile-guided optimisation: distributions' are."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in options or sys.base_prefix == "/usr"


def _version(command: list[str]) -> str:
    # `wrk -v` prints its version and its usage, and exits 1.
    done = subprocess.run(  # noqa: S603 - the commands stand just above
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_LIMIT, check=False
    )
    found = re.search(rb"\d+(\.\d+)+", done.stdout)
    return found[0].decode("ascii") if found else "unknown"


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _system() -> str:
    with Path("/etc/os-release").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip().strip('"')
    return platform.system()


def _siblings(core: int) -> set[int]:
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return {core}
    siblings: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        siblings.update(range(int(first), int(last or first) + 1))
    return siblings
