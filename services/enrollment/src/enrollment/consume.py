"""Topics in: what counters submit."""

from prometheus_client import CollectorRegistry, Counter

from contracts.topics import RECORDING_SUBMISSIONS
from enrollment.identity.keys import SealingKeys
from enrollment.identity.vault import Vault
from enrollment.submissions.intake import Intake
from exactly_once import Subscription


def subscriptions(vault: Vault, keys: SealingKeys, registry: CollectorRegistry) -> list[Subscription]:
    decided = Counter(
        "submissions_decided",
        "Decisions on submissions; those of a batch that had to begin again are counted again",
        ["outcome", "reason"],
        registry=registry,
    )
    return [Subscription(RECORDING_SUBMISSIONS, Intake(vault, keys, decided))]
