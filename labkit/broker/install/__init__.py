"""Installation: Apache Kafka's verified jars (`kafka_jars`), and a Java to run them (`java`)."""
