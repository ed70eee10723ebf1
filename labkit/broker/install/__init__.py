"""Apache Kafka's jars and the Java that runs them: fetched, verified, found."""
