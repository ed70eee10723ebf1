"""Further clusters beside the lab's own, each for one lesson.

`misadvertised_broker` advertises a wrong address, `secured_broker` requires TLS and a login;
`side_cluster` is what they and Kafka Connect have in common.
"""
