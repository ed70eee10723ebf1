"""What a soak has to tell: each fault, how soon it was over, and the checker's verdict."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pydantic import BaseModel, computed_field

from labkit.checker.check_result import Verdict

if TYPE_CHECKING:
    from rich.console import Group


class SoakFault(BaseModel):
    """One fault of a soak."""

    name: str
    seed: int
    for_s: float
    victim: str = ""
    recovered_s: float | None = None
    """Seconds from its end until all that the topic held then was stored; None: it was not."""
    skipped: str = ""
    """Why it could not be done here."""
    problem: str = ""
    """What kept it from recovering."""


class SoakReport(BaseModel):
    """A soak from its first fault to the checker's verdict."""

    seed: int
    wanted_s: float
    took_s: float
    interrupted: bool = False
    faults: list[SoakFault] = []
    served: int | None = None
    """Readings that the API serves in the end; None where it does not answer."""
    folder: str = ""
    """The soak's lab, which is kept only where something went wrong."""
    verdict: Verdict

    @computed_field  # type: ignore[prop-decorator]
    @property
    def injected(self) -> int:
        """How many faults were done."""
        return sum(not one.skipped for one in self.faults)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recovered(self) -> int:
        """How many of them were got over."""
        return sum(one.recovered_s is not None for one in self.faults)

    @property
    def seconds(self) -> list[float]:
        """How long each recovery took, in seconds."""
        return [one.recovered_s for one in self.faults if one.recovered_s is not None]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def median_s(self) -> float | None:
        """The median of the recoveries, in seconds."""
        return round(median(self.seconds), 1) if self.seconds else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def worst_s(self) -> float | None:
        """The longest recovery, in seconds."""
        return max(self.seconds, default=None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def serves_all(self) -> bool:
        """Whether the API serves what the CSV holds."""
        return self.served == sum(one.rows for one in self.verdict.partitions)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether the promise held, every fault was got over, and the API serves it all."""
        return self.verdict.holds and self.recovered == self.injected and self.serves_all

    def figures(self) -> dict[str, str]:
        """Return the table of the whole soak."""
        kinds = self.verdict.violations
        return {
            "faults injected": str(self.injected),
            "recovered": str(self.recovered),
            "seconds to recover, median": _seconds(self.median_s),
            "seconds to recover, worst": _seconds(self.worst_s),
            "records": f"{sum(one.records for one in self.verdict.partitions):,}",
            "acknowledged": f"{self.verdict.acked:,}",
            "refused": f"{self.verdict.failed:,}",
            "without an answer, of those in the topic": (
                f"{self.verdict.unknown:,}, {self.verdict.unknown_in_topic:,}"
            ),
            "lost": f"{kinds.get('lost', 0):,}",
            "doubled": f"{kinds.get('doubled', 0):,}",
            "served by the API": "no answer" if self.served is None else f"{self.served:,}",
        }

    def view(self) -> Group:
        """Return the report as a terminal shows it."""
        from rich.console import Group
        from rich.table import Table

        faults = Table(title=f"Faults, seed {self.seed}")
        for name in ("fault", "done", "recovered", "seconds, worst"):
            faults.add_column(name, justify="left" if name == "fault" else "right")
        for name in sorted({one.name for one in self.faults}):
            mine = [one for one in self.faults if one.name == name]
            done = [one for one in mine if not one.skipped]
            well = [one.recovered_s for one in done if one.recovered_s is not None]
            shown = name if done else f"{name}: {mine[0].skipped}"
            faults.add_row(shown, str(len(done)), str(len(well)), _seconds(max(well, default=None)))
        whole = Table(show_header=False)
        for name, figure in self.figures().items():
            whole.add_row(name, figure)
        problems = [f"{one.name}, seed {one.seed}: {one.problem}" for one in self.faults]
        told = [text for text, one in zip(problems, self.faults, strict=True) if one.problem]
        kept = [f"The lab of this soak is kept: {self.folder}"] if self.folder else []
        return Group(self.verdict.view(), faults, whole, *told, *kept)


def _seconds(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f}"
