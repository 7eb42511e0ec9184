"""Topics as the catalogue says: made, grown, put right, read back; and a start that says in one line what is wrong."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.topics import CATALOGUE, PROGRESS, RECORDINGS, TARGETS
from exactly_once import KafkaSettings, Misconfigured
from exactly_once.deadline import within
from exactly_once.preflight import preflight
from exactly_once.provision import admin, differences, provision
from tests.support import kafka_settings, tuned, until


async def test_every_topic_is_as_the_catalogue_says(settings: KafkaSettings) -> None:
    assert await differences(settings, CATALOGUE) == []
    assert await provision(settings, CATALOGUE) == [], "doing it again changes nothing"
    async with admin(settings) as client:
        wanted = [
            ConfigResource(ConfigResourceType.TOPIC, settings.topic_prefix + topic.name, None) for topic in CATALOGUE
        ]
        answers = await client.describe_configs(wanted)
    found = {
        name.removeprefix(settings.topic_prefix): {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
    assert {name: entries["message.timestamp.type"] for name, entries in found.items()} == {
        topic.name: "LogAppendTime" for topic in CATALOGUE
    }
    assert found[PROGRESS.name]["cleanup.policy"] == "compact"
    assert found[RECORDINGS.name]["retention.ms"] == "-1"
    assert found["recording-submissions"]["retention.ms"] == str(35 * 24 * 3600 * 1000)


async def test_what_was_changed_by_hand_is_put_right(settings: KafkaSettings) -> None:
    name = settings.topic_prefix + RECORDINGS.name
    async with admin(settings) as client:
        await client.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, {**RECORDINGS.config, "retention.ms": "1000"})]
        )
    said = await until(lambda: differences(settings, [RECORDINGS]))
    assert said == ["topic recordings has retention.ms=1000, not -1"]
    assert await provision(settings, [RECORDINGS]) == ["recordings: configured retention.ms"]
    assert await differences(settings, [RECORDINGS]) == []


async def test_partitions_grow_and_never_shrink(settings: KafkaSettings) -> None:
    assert await provision(settings, [replace(TARGETS, partitions=3)]) == ["targets: grown from 1 to 3 partitions"]
    assert await provision(settings, [TARGETS]) == []


async def test_preflight_returns_when_all_is_well(settings: KafkaSettings) -> None:
    await preflight(settings, CATALOGUE)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"topic_prefix": "nobody-made-these."}, r"topic recordings is missing \(run the verb provision\)"),
        ({"kafka_bootstrap_servers": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1: KafkaConnectionError: .*"),
    ],
)
async def test_preflight_says_what_is_wrong(settings: KafkaSettings, wrong: dict[str, Any], says: str) -> None:
    impatient = tuned(settings, preflight_deadline=1.5).model_copy(update=wrong)
    with pytest.raises(Misconfigured, match=says) as raised:
        await preflight(impatient, [RECORDINGS])
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 78


async def test_preflight_waits_for_a_topic_that_comes_late(stack: Any) -> None:
    late = kafka_settings(stack.bootstrap_servers, "late.")
    waiting = asyncio.create_task(preflight(late, [TARGETS]))
    await provision(late, [TARGETS])
    await within(20, waiting)


async def test_a_broker_that_does_not_answer_is_given_up_in_time() -> None:
    """A port that takes connections and says nothing: no client may wait for it for ever."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings = kafka_settings(f"127.0.0.1:{silent.getsockname()[1]}", preflight_deadline=1.5)
        async with asyncio.timeout(10):
            with pytest.raises(Misconfigured):
                await preflight(settings, [TARGETS])
