"""Topics as the catalogue has them: created, grown, configured, and read back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from contracts.topics import Topic
from exactly_once.errors import Misconfigured
from exactly_once.settings import TopicSettings

TOPIC_ALREADY_EXISTS: Final = 36


@asynccontextmanager
async def admin(settings: TopicSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for as long as the block lasts."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers, request_timeout_ms=15_000)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def provision(settings: TopicSettings, topics: Sequence[Topic]) -> list[str]:
    """Makes every topic exist as the catalogue says and reads it back; returns what it did, a line each.

    Partitions are only ever added, and records never deleted. Raises Misconfigured when a topic is not then as said.
    """
    done: list[str] = []
    async with admin(settings) as client:
        there = await described(client, settings, topics)
        missing = [topic for topic in topics if topic.name not in there]
        if missing:
            answer = await client.create_topics(
                [
                    NewTopic(
                        settings.topic_prefix + topic.name,
                        topic.partitions,
                        settings.replication_factor,
                        topic_configs=topic.config_for(settings.replication_factor),
                    )
                    for topic in missing
                ]
            )
            for name, code, *_ in answer.topic_errors:
                if code not in (0, TOPIC_ALREADY_EXISTS):
                    raise Misconfigured(f"topic {name} cannot be created: {for_code(code).__name__}")
            done += [f"{topic.name}: created with {topic.partitions} partition(s)" for topic in missing]
        for topic in topics:
            if topic.name in there and there[topic.name] < topic.partitions:
                name = settings.topic_prefix + topic.name
                await client.create_partitions({name: NewPartitions(total_count=topic.partitions)})
                done.append(f"{topic.name}: grown from {there[topic.name]} to {topic.partitions} partitions")
        for topic, wrong in (await _differences(client, settings, [t for t in topics if t.name in there])).items():
            config = topic.config_for(settings.replication_factor)
            resource = ConfigResource(ConfigResourceType.TOPIC, settings.topic_prefix + topic.name, config)
            for answer in await client.alter_configs([resource]):
                for code, message, *_ in answer.resources:
                    if code:
                        raise Misconfigured(f"topic {topic.name} cannot be configured: {message}")
            done.append(f"{topic.name}: configured {', '.join(sorted(wrong))}")
        await _until_as_said(client, settings, topics)
    return done


async def differences(settings: TopicSettings, topics: Sequence[Topic]) -> list[str]:
    """How the topics differ from the catalogue, a line each; none means that all is as it says."""
    async with admin(settings) as client:
        return await _lines(client, settings, topics)


async def _until_as_said(client: AIOKafkaAdminClient, settings: TopicSettings, topics: Sequence[Topic]) -> None:
    """A controller answers before every broker knows: asks again, but not for ever."""
    lines: list[str] = []
    for _ in range(100):
        lines = await _lines(client, settings, topics)
        if not lines:
            return
        await asyncio.sleep(0.1)
    raise Misconfigured("; ".join(lines))


async def _lines(client: AIOKafkaAdminClient, settings: TopicSettings, topics: Sequence[Topic]) -> list[str]:
    there = await described(client, settings, topics)
    lines = [f"topic {topic.name} is missing" for topic in topics if topic.name not in there]
    lines += [
        f"topic {topic.name} has {there[topic.name]} of {topic.partitions} partitions"
        for topic in topics
        if there.get(topic.name, topic.partitions) < topic.partitions
    ]
    for topic, wrong in (await _differences(client, settings, [t for t in topics if t.name in there])).items():
        lines += [
            f"topic {topic.name} has {name}={configured}, not {topic.config_for(settings.replication_factor)[name]}"
            for name, configured in sorted(wrong.items())
        ]
    return lines


async def described(client: AIOKafkaAdminClient, settings: TopicSettings, topics: Sequence[Topic]) -> dict[str, int]:
    """The topics that exist, with their number of partitions."""
    wanted = {settings.topic_prefix + topic.name: topic.name for topic in topics}
    topics_there = await client.describe_topics(list(wanted))
    return {wanted[each["topic"]]: len(each["partitions"]) for each in topics_there if each["error_code"] == 0}


async def _differences(
    client: AIOKafkaAdminClient, settings: TopicSettings, topics: Sequence[Topic]
) -> dict[Topic, dict[str, str]]:
    """What is configured otherwise than the catalogue says."""
    by_name = {settings.topic_prefix + topic.name: topic for topic in topics}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(topic.config_for(settings.replication_factor), ""))
        for name, topic in by_name.items()
    ]
    wrong: dict[Topic, dict[str, str]] = {}
    if not resources:
        return wrong
    for answer in await client.describe_configs(resources):
        for _code, _message, _kind, name, entries in answer.resources:
            topic = by_name[name]
            has = {entry[0]: entry[1] for entry in entries}
            wanted = topic.config_for(settings.replication_factor)
            differing = {key: has.get(key, "nothing") for key, value in wanted.items() if has.get(key) != value}
            if differing:
                wrong[topic] = differing
    return wrong
