"""The health check of a service's container: whether `/health/ready` says so, and its answer, for `docker inspect`."""

import http.client
import sys
from typing import Final

SECONDS: Final = 4


def main(port: int) -> int:
    """0 when the service on this port of this container is ready, else 1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace"))  # noqa: T201
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")  # noqa: T201
        return 1
    return 0 if answer.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
