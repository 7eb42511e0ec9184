"""Prometheus metrics: a registry for each app, so that tests may build many, and how HTTP is counted."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response


def new_registry() -> CollectorRegistry:
    """A registry with the figures of the process: memory, CPU, garbage collection."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def http_seconds() -> tuple[Histogram, CollectorRegistry]:
    """How long requests took, by route (its template: no ids in a metric), method and status; in its own registry."""
    registry = CollectorRegistry()
    seconds = Histogram(
        "http_request_seconds",
        "Time to answer an HTTP request, in seconds.",
        ["method", "route", "status"],
        registry=registry,
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    )
    return seconds, registry


def exposition(*registries: CollectorRegistry) -> Response:
    figures = b"".join(generate_latest(registry) for registry in registries)
    return Response(figures, headers={"Content-Type": CONTENT_TYPE_LATEST})
