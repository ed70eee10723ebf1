"""A live chart as most notebooks have it: the whole figure redrawn in an ipywidgets Output.

It draws the points that it is given, and reads nothing: while the file ``go`` is there, one
update every 0.2 s. It runs in a cell of a notebook, and takes its options from the environment.
"""

import collections
import datetime
import os
import random
import time
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import clear_output, display

folder = Path(os.environ["BENCH_FOLDER"])
line_count, points = int(os.environ["BENCH_LINES"]), int(os.environ["BENCH_POINTS"])
(folder / "pid").write_text(str(os.getpid()))

now = datetime.datetime.now()
times: collections.deque[datetime.datetime] = collections.deque(maxlen=points)
lines = [collections.deque[float](maxlen=points) for _ in range(line_count)]


def next_point() -> None:
    times.append(now + datetime.timedelta(seconds=len(times) + updates))
    for number, line in enumerate(lines):
        line.append(number * 10 + random.random())


updates = 0
for _ in range(points):
    next_point()
out = ipywidgets.Output()
display(out)

while not (folder / "end").exists():
    if not (folder / "go").exists():
        time.sleep(0.1)
        continue
    began = time.monotonic()
    next_point()
    with out:
        clear_output(wait=True)
        figure, axes = plt.subplots(figsize=(9.6, 3.9))
        for number, line in enumerate(lines):
            axes.plot(times, line, label=f"sector {number}")
        axes.set_ylabel("t/h")
        axes.legend(loc="upper left")
        display(figure)
        plt.close(figure)
    updates += 1
    (folder / "updates").write_text(str(updates))
    time.sleep(max(0, 0.2 - (time.monotonic() - began)))
