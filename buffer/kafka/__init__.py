"""
Apache Kafka behind the port, through aiokafka.

What aiokafka does not do by itself is done here: time-outs around every wait, a fresh client where
the old one can no longer be trusted, and a consumer that notices when a log was cut off or made
anew under it.
"""

from buffer.kafka.consumer import KafkaConsumer
from buffer.kafka.producer import KafkaProducer

__all__ = ["KafkaConsumer", "KafkaProducer"]
