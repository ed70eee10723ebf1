"""The course's exercises, marked by a real Kafka.

One module for each lesson, ``lesson_02`` for ``notebooks/02_topics.ipynb``::

    from labkit.exercises import lesson_02 as ex

    ex.q1.check(answer)     # asks the broker, the CSV or the API, and says what it found
    ex.q1.hint()            # a small hint; again for the next one
    ex.q1.solution()        # a way to do it
    ex.p1.predict(2)        # say first what will happen ...
    ex.p1.reveal()          # ... and let the cluster say what did

A check is a plain function, which ``ex.q1??`` shows; hints and solutions are in ``lesson_02.toml``.
``engine/`` has exercises, predictions and the learner's progress, ``queries/`` what checks ask the
broker and the API, ``capstone/`` lesson 11's specification, and `reference` its solution. The
package imports all others but `cli`. Start with `lesson_02`.
"""
