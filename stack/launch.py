"""Becomes a program that the kernel kills with its owner: `python launch.py OWNER COMMAND [ARGUMENT]...`.

A file of its own, without imports from the stack: it runs as the last step before the program, after any change of
user, because such a change clears the wish again.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    owner, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != owner:  # it died before the wish was known to the kernel
        sys.exit("the owner has gone")
    os.execvp(command[0], command)  # noqa: S606  becoming another program is the purpose


main()
