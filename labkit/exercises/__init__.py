"""The course's exercises: a real Kafka marks the homework.

One module for each lesson, ``lesson_02`` for ``notebooks/02_topics.ipynb``::

    from labkit.exercises import lesson_02 as ex

    ex.q1.check(answer)     # asks the broker, the CSV or the API, and says what it found
    ex.q1.hint()            # a small push; again for the next one
    ex.q1.solution()        # a way to do it
    ex.p1.predict(2)        # commit yourself first ...
    ex.p1.reveal()          # ... and let the cluster say what happened

A check is a plain function: ``ex.q1??`` shows how it came to its verdict. `labkit.progress` shows
what is done; it is kept in a file of this lab, and nothing leaves the machine.
"""
