"""Topics, created and deleted as an operator would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from tests.kafka.cluster import Cluster
from tests.kafka.wire import run


def create_topic(
    cluster: Cluster,
    name: str,
    *,
    partitions: int = 1,
    replication: int | None = None,
    **configs: str | int,
) -> str:
    """
    Create a topic and return its name, once every broker knows its leaders.

    Replication is what the cluster allows, three at most, unless it is given. `configs` are the
    topic's, with `_` for each dot: `max_message_bytes=65536`.
    """
    topic = NewTopic(
        name,
        partitions,
        replication or min(3, cluster.nodes),
        topic_configs={key.replace("_", "."): str(value) for key, value in configs.items()},
    )

    async def create(admin: AIOKafkaAdminClient) -> None:
        answer = await admin.create_topics([topic])
        for _, code, message in answer.topic_errors:
            if code:
                raise for_code(code)(message)

    _administer(cluster, create)
    cluster.wait_in_sync(name)
    return name


def configure_topic(cluster: Cluster, name: str, **configs: str | int) -> None:
    """Change settings of a topic, with `_` for each dot."""
    settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
    resource = ConfigResource(ConfigResourceType.TOPIC, name, settings)

    async def change(admin: AIOKafkaAdminClient) -> None:
        await admin.alter_configs([resource])

    _administer(cluster, change)


def delete_topic(cluster: Cluster, name: str) -> None:
    """Delete a topic, and return once no broker knows it."""

    async def delete(admin: AIOKafkaAdminClient) -> None:
        answer = await admin.delete_topics([name])
        for _, code in answer.topic_error_codes:
            if code:
                raise for_code(code)(name)

    _administer(cluster, delete)
    cluster.wait_until_gone(name)


def _administer(cluster: Cluster, change: Callable[[AIOKafkaAdminClient], Awaitable[None]]) -> None:
    async def connect_and_change() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
        try:
            await admin.start()
            await change(admin)
        finally:
            await admin.close()

    run(connect_and_change())
