"""Stage 2, topics: create, describe, alter and delete them, and watch topics and groups.

`topics` has the facade's functions; the ``*_watch`` modules look at the cluster again and again,
for the widgets. It imports `broker` and `core`. Start with `topics`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submod_attrs={
        "topics": ["alter_topic", "delete_topic", "describe_topic", "ensure_topic", "list_topics"],
        "topic_model": ["Partition", "Topic"],
    },
)
