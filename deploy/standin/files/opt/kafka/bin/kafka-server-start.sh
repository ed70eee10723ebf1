#!/usr/bin/env bash
# Starts a broker in the foreground.
set -o errexit -o nounset

export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx1G -Xms256M}
export KAFKA_LOG4J_OPTS=${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml}

exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka "$@"
