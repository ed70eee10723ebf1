"""A messy learner in a lesson: ``python tests/support/messy_learner.py 03 04 --seeds 2``.

Each task is first left blank, then answered wrongly, then as its solution says. Cells are run
twice, and earlier ones again; a running cell is interrupted; the kernel is restarted, and all cells
above are run again. Where a verdict says how to begin again, that is done. Everything that is left
to chance comes from the seed.

What must not happen is printed as a *finding*: a right answer that is refused because of what was
done before, a wrong answer that is accepted, a cell that fails or hangs when it is run twice,
something that still runs at the end. What *Run All Above* puts right after a disorder is a *note*.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kernel import Cell, Kernel
from lessons import LESSONS, is_meant_to_raise, left_running, own_lab, read, tasks
from wrong_answers import WRONG

from labkit.exercises.engine.exercise import Exercise
from labkit.exercises.engine.learner_progress import best_outcome, read_learner_progress
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.engine.prediction import Prediction

CELL_TIMEOUT_S = 120.0
TWICE, EARLIER = 0.5, 0.15  # how likely it is that a cell is run twice, or an earlier one again
IMPOSSIBLE = "ex.{}.predict('perhaps')"
BEGIN_AGAIN = "ex.clear()"
SLOW = re.compile(r"while |for |poll|wait|lab\.start|sleep|subprocess|^!labkit")


class MessyLearner:
    """One learner in one lesson, in a lab and a kernel of its own."""

    def __init__(self, lesson: str, folder: Path, seed: int) -> None:
        self.lesson = lesson
        self.random = random.Random(f"{lesson} {seed}")
        self.cells = [cell for cell in read(lesson).cells if cell.cell_type == "code"]
        self.order = [cell.id for cell in self.cells]
        self.source = {cell.id: cell.source for cell in self.cells}
        self.raises = {cell.id for cell in self.cells if is_meant_to_raise(cell)}
        self.tasks = tasks(lesson)
        self.is_disordered = False
        self.findings: list[str] = []
        self.folder = folder
        self.shown = ""
        self.kernel = Kernel(folder / "notebooks", begins_with="")

    def play(self) -> None:
        """Work through the lesson."""
        numbers = range(2, len(self.order) - 3)
        restart_at = self.random.choice(numbers)
        slow = [number for number in numbers if SLOW.search(self.source[self.order[number]])]
        interrupt_at = self.random.choice(slow or numbers)
        self.say(f"restart after {self.order[restart_at]}, interrupt {self.order[interrupt_at]}")
        is_tidy = False
        for place, name in enumerate(self.order):
            if place == interrupt_at:
                self.interrupt(name)
            if name in self.tasks:
                self.work_on(name)
            else:
                self.run_or_recover(place)
            if self.random.random() < TWICE:
                self.run_or_recover(place, "run twice")
            is_tidy = is_tidy or "lab.stop_all()" in self.source[name]
            if place > 3 and not is_tidy and self.random.random() < EARLIER:
                self.run_an_earlier_cell(place)
            if place == restart_at:
                self.say("restart")
                self.kernel.restart()
                self.run_all_above(place)
        self.expect_full_marks()

    def work_on(self, name: str) -> None:
        """Answer a task: blank, wrongly, and right; an exercise is checked each time."""
        task = self.tasks[name]
        if isinstance(task, Prediction):
            for source in (self.source[name], IMPOSSIBLE.format(name), task.solution_code):
                self.source[name] = source
                self.run(name)
            return
        blank, last = self.source[name], self.order.index(f"{name}-check")
        wrong = list(WRONG.get(task.exercise_id, ()))
        self.random.shuffle(wrong)
        while not self.answer(task, last, wrong):
            said = f"{task.exercise_id} refuses its solution: {self.shown}"
            offers_clear = BEGIN_AGAIN in self.shown and bool(wrong)
            if not (self.is_disordered or offers_clear):
                self.find(said)
                self.run_all_above(last)
                return
            self.note(said)
            if offers_clear:
                self.kernel.run(BEGIN_AGAIN)
                wrong = []  # once more, and now rightly
            self.source[name] = blank
            self.run_all_above(self.order.index(name))

    def answer(self, task: Exercise, last: int, wrong: list[str]) -> bool:
        """Answer an exercise, and check each answer; return whether the last one is accepted."""
        name = task.exercise_id.partition(".")[2]
        was_right = self.best(task) is Outcome.CORRECT  # then the world may be as it is asked for
        for source in (self.source[name], *wrong, task.solution_code):
            self.source[name] = source
            cells = [self.run(one) for one in self.order[self.order.index(name) : last + 1]]
            is_wrong = source in wrong and not was_right
            if is_wrong and self.outcome(task) is Outcome.CORRECT:
                self.find(f"{task.exercise_id} accepts: {source!r}")
        self.kernel.run(f"ex.{name}.hint()")
        errors = [cell.why for cell in cells if cell.error]
        self.shown = "; ".join([cells[-1].text.strip()[:400], *errors])
        return self.outcome(task) is Outcome.CORRECT

    def run(self, name: str, when: Callable[[], bool] | None = None) -> Cell:
        """Run a cell to its end, or until it hangs."""
        began = time.monotonic()
        try:
            cell = self.kernel.run(
                self.source[name], None if when is None else "", when, patience_s=CELL_TIMEOUT_S
            )
        except AssertionError as hangs:
            self.find(f"{name}: {str(hangs).splitlines()[0]} ({time.monotonic() - began:.0f} s)")
            self.kernel.restart()
            self.is_disordered = True
            return Cell(error="Hangs", why="it hangs")
        return cell

    def run_or_recover(self, place: int, how: str = "") -> None:
        """Run a cell; where it fails, run all above, and this cell again."""
        name = self.order[place]
        cell = self.run(name)
        if self.is_disordered and self.is_refuted(name):
            cell.error = cell.why = "not as predicted"  # it was of a topic that was made again
        if not cell.error or name in self.raises:
            return
        said = f"{name} {how}: {cell.why[:300]}"
        (self.note if self.is_disordered else self.find)(said)
        self.run_all_above(place)

    def is_refuted(self, name: str) -> bool:
        """Tell whether a cell reveals that a right prediction did not come true."""
        task = self.tasks.get(name.removesuffix("-reveal"))
        is_certain = isinstance(task, Prediction) and task.is_certain and name not in self.tasks
        return is_certain and self.outcome(task) is Outcome.NOT_YET

    def run_all_above(self, place: int) -> None:
        """Run the cells up to a place, as the menu does: it ends at the first error."""
        self.is_disordered = False
        for name in self.order[: place + 1]:
            cell = self.run(name)
            if cell.error and name not in self.raises:
                self.find(f"{name} in Run All Above: {cell.why[:300]}")
                return

    def run_an_earlier_cell(self, place: int) -> None:
        """Run some cell again that was run before."""
        name = self.order[self.random.randrange(1, place)]
        self.say(f"{name} again")
        cell = self.run(name)
        self.is_disordered = True
        if cell.error and name not in self.raises:
            self.note(f"{name} again, after {self.order[place]}: {cell.why[:300]}")

    def interrupt(self, name: str) -> None:
        """Interrupt a cell while it runs, if it runs that long."""
        after_s, began = self.random.uniform(0.05, 1.5), time.monotonic()
        self.say(f"interrupt {name} after {after_s:.1f} s")
        self.run(name, lambda: time.monotonic() > began + after_s)
        self.is_disordered = True

    def outcome(self, task: Exercise | Prediction) -> Outcome:
        """Return what became of the last attempt."""
        entry = read_learner_progress().get(task.exercise_id, {})
        return Outcome(entry.get("last", Outcome.NOT_ATTEMPTED))

    def best(self, task: Exercise | Prediction) -> Outcome:
        """Return the best outcome of a task so far."""
        return best_outcome(read_learner_progress().get(task.exercise_id, {}))

    def expect_full_marks(self) -> None:
        """Find what is not correct at the end, and what still runs."""
        for task in self.tasks.values():
            best = self.best(task)
            is_surprise = isinstance(task, Prediction) and not task.is_certain
            if best is not Outcome.CORRECT and not (is_surprise and best is Outcome.NOT_YET):
                self.find(f"{task.exercise_id} is {best} at the end")
        for command in left_running(self.folder):
            brief = " ".join(command)[:150]
            (self.note if "java" in command[0] else self.find)(f"left running: {brief}")

    def find(self, said: str) -> None:
        """Record what must not happen."""
        if said not in self.findings:
            self.findings.append(said)
            self.say(f"FINDING {said}")

    def note(self, said: str) -> None:
        """Print what a disorder explains."""
        self.say(f"note {said}")

    def say(self, said: str) -> None:
        """Print a line of the story."""
        print(f"{self.lesson.partition('_')[0]} {said}".replace("\n", " "), flush=True)


def work_through(lesson: str, folder: Path, seed: int) -> subprocess.CompletedProcess[str]:
    """Let a learner work through a lesson in a process of its own; status 0: all is well."""
    command = [sys.executable, __file__, lesson, "--in", str(folder), "--seed", str(seed)]
    environment = own_lab(folder)
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        stop = [sys.executable, "-m", "labkit", "down"]
        subprocess.run(stop, env=environment, capture_output=True, check=False)


def main() -> None:
    """Play some lessons with some seeds, or one of them in a given folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", default=LESSONS, help="such as 03; default: all")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--in", dest="folder", type=Path, help="play in this lab, in this process")
    asked = parser.parse_args()
    chosen = [one for one in LESSONS if one.startswith(tuple(asked.lessons))]
    if asked.folder:
        learner = MessyLearner(chosen[0], asked.folder, asked.seed)
        try:
            learner.play()
        finally:
            learner.kernel.stop()
        sys.exit(bool(learner.findings))
    statuses = []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        for lesson in chosen:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                print(f"== {lesson}, seed {seed}", flush=True)
                done = work_through(lesson, Path(folder), seed)
                print(done.stdout + done.stderr, flush=True)
                statuses.append(done.returncode)
    sys.exit(any(statuses))


if __name__ == "__main__":
    main()
