"""The native local stack: Apache Kafka, PostgreSQL and the services on a machine that has only Python.

    with LocalStack() as stack:
        print(stack.bootstrap_servers, stack.urls["reporting"])

What it starts it stops again, whatever ends it. `python -m stack up` leaves it running until `python -m stack down`.
"""

from stack.errors import StackError
from stack.kafka import Kafka
from stack.local import LocalStack, interruptible
from stack.postgres import Database, Postgres
from stack.services import SERVICES, Service

__all__ = ["SERVICES", "Database", "Kafka", "LocalStack", "Postgres", "Service", "StackError", "interruptible"]
