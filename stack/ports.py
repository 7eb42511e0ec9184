"""Which TCP ports the stack listens on: chosen freely, or as the environment says."""

import errno
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError

HOST = "127.0.0.1"
_handed_out: set[int] = set()


def port_for(who: str, variable: str, environ: Mapping[str, str]) -> int:
    """The port that `variable` names, if it is free, or else any free one."""
    wanted = environ.get(variable)
    if not wanted:
        return free_port()
    if not wanted.isascii() or not wanted.isdigit() or not 0 < int(wanted) < 65536:
        raise StackError(f"{variable}={wanted} is no port: set it to a number from 1 to 65535, or unset it.")
    check_free(int(wanted), who, variable)
    return int(wanted)


def check_free(port: int, who: str, variable: str) -> None:
    """Say at once, and in one line, that somebody else listens on a port that we were told to use."""
    trouble = _why_not(port)
    if trouble == errno.EACCES:
        raise StackError(f"Port {port} for {who} needs root: set {variable} to a number above 1023, or unset it.")
    if trouble:
        raise StackError(
            f"Port {port} for {who} is in use by another program: stop that, set {variable} to another port, "
            "or unset it to have a free one chosen."
        )


def free_port() -> int:
    """A port that nobody uses, from below the range that the kernel lends to outgoing connections.

    A port of that range can be taken while a killed broker is down, even by a client that keeps calling it.
    """
    for _ in range(1000):
        port = random.randrange(15_000, _first_lent_port())  # noqa: S311  nothing secret
        if port not in _handed_out and not _why_not(port):
            _handed_out.add(port)
            return port
    raise StackError("No free TCP port was found between 15000 and 32767: stop some programs and try again.")


def listens(port: int) -> bool:
    """Whether anybody answers on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _why_not(port: int) -> int:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((HOST, port))
        except OSError as e:
            return e.errno or -1
    return 0


def _first_lent_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32768
    return first if first > 16_000 else 65536
