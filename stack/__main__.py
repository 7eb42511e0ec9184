"""The commands `python -m stack up | down | status | token`."""

import argparse
import os
import sys
from collections.abc import Callable

from stack import up
from stack.errors import StackError, explained
from stack.home import default_home

INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack", description="The native local stack.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="up | down | status | token")
    for verb in ("up", "supervise"):
        parts = verbs.add_parser(verb)
        parts.add_argument("--no-services", dest="services", action="store_false", help="Kafka and PostgreSQL alone")
    verbs.add_parser("down").add_argument("--keep-data", action="store_true", help="stop, but do not remove the data")
    verbs.add_parser("status")
    token = verbs.add_parser("token")
    token.add_argument("role")
    token.add_argument("--campaigns", help="only these, separated by spaces")
    token.add_argument("--schools", help="a principal's, as NPSN, separated by spaces")
    options = vars(parser.parse_args())
    run: dict[str, Callable[..., int]] = {
        "up": up.up,
        "down": up.down,
        "status": up.status,
        "token": up.token,
        "supervise": up.supervise,
    }
    try:
        with explained(default_home()):
            return run[options.pop("verb")](**options)
    except StackError as e:
        print(e, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: everything was stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as e:
        if os.environ.get("JB_TRACEBACK"):
            raise
        print(f"A fault of the stack itself, {type(e).__name__}: {e} (JB_TRACEBACK=1 shows where).", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
