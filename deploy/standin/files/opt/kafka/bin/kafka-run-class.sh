#!/usr/bin/env bash
# Runs one class of Kafka's jars; the variables are those that Kafka's own script knows.
set -o errexit -o nounset

home=/opt/kafka
read -r -a options <<< "${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS--XX:+UseSerialGC} \
${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=$home/config/tools-log4j2.yaml} \
${KAFKA_JMX_OPTS-} ${KAFKA_OPTS-}"

exec "$JAVA_HOME/bin/java" "${options[@]}" -Dkafka.logs.dir=$home/logs -cp "$home/libs/*" "$@"
