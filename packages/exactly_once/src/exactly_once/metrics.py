"""What consumer and relay count for whoever runs the service."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter(
            "records_applied", "Records applied, dead letters included", ["topic"], registry=registry
        )
        self.dead = Counter("dead_letters", "Records set aside", ["topic", "reason"], registry=registry)
        self.waiting = Gauge("dead_letters_waiting", "Records set aside and not closed", ["topic"], registry=registry)
        self.overflow = Gauge(
            "dead_letters_overflow",
            "Records set aside and not kept: they are on the topic",
            ["topic"],
            registry=registry,
        )
        self.retries = Counter("batch_retries", "Batches begun again", ["cause"], registry=registry)
        self.lag = Gauge("lag_records", "Log end minus position", ["topic", "partition"], registry=registry)
        self.published = Counter("outbox_published", "Outbox rows published", ["topic"], registry=registry)
        self.leads = Gauge("relay_leads", "1 while this process is the one relay", registry=registry)
        self.strangers = Gauge(
            "strangers_records", "On topics that the service alone writes, not set aside", registry=registry
        )
        self.open_transactions = Gauge(
            "open_transaction_records",
            "Behind a transaction that is not ended",
            ["topic", "partition"],
            registry=registry,
        )
