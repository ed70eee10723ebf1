"""The live ledger: the same tonnes at five stages, updated repeatedly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labkit.core.config import load_config
from labkit.core.notebook_lines import sentence_in_notebook
from labkit.ledger.ledger_model import ASIDE, MEANING, SIGNS, Ledger, tonnes
from labkit.widgets.live_widget import LiveWidget, Snapshot
from labkit.widgets.still_picture import bar_picture
from labkit.widgets.text_alternative import table_text


class LiveLedger(LiveWidget):
    """A live carbon ledger; see `live_ledger`."""

    bundle = "ledger"

    def picture(self) -> str:
        """Draw the stages as bars."""
        return bar_picture(
            [(one["label"], one["grams"], tonnes(one["grams"])) for one in self.snapshot["stages"]]
        )

    @property
    def text(self) -> str:
        """The ledger as text: the verdict, and a table of the stages."""
        shot = self.snapshot
        rows = [["stage", "records", "tonnes of CO2", "what it is"]]
        for one in shot["stages"]:
            records = "–" if one["records"] is None else f"{one['records']:,}"
            rows.append([one["label"], records, tonnes(one["grams"]), one["note"]])
        if waiting := shot["waiting"]:
            figures = [f"{waiting['records']:,}", tonnes(waiting["grams"])]
            rows.append(["waiting", *figures, "in the topic, not stored yet"])
        dead = f"Dead letters: {shot['dead_letters']:,}"
        return "\n".join(["Carbon ledger", shot["sentence"], table_text(rows), dead, shot["state"]])


def live_ledger(
    topic: str | None = None,
    data_dir: str | Path | None = None,
    *,
    read: Callable[[], Ledger] | None = None,
    updates_per_s: float = 1.0,
) -> LiveLedger:
    """Show the carbon ledger live: five stages that should agree.

    A lost record shows as missing tonnes at a later stage, a record stored twice as too many.
    While readings flow, the later stages lag a little behind.

    Parameters
    ----------
    topic, data_dir : optional
        As for `labkit.carbon_ledger`.
    read : callable, optional
        Returns the next ledger; default: a `labkit.ledger.LedgerReader`, which each time reads only
        what is new in the topic.
    updates_per_s : float
        How often it is read, at most five times a second.

    Returns
    -------
    LiveLedger
        Shown by the cell that returns it; ``.stop()`` ends it, and so does `labkit.stop_all`.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.
    """
    finish = None
    if read is None:
        from labkit.ledger.ledger import LedgerReader  # only here: widgets need no Kafka

        reader = LedgerReader(topic, data_dir)
        read, finish = reader.read, reader.close
    weigh, most = read, [0]

    def snapshot() -> Snapshot:
        found = _ledger_snapshot(weigh())
        if found["waiting"] is not None:
            most[0] = max(most[0], found["waiting"]["records"])
            found["waiting"]["share"] = found["waiting"]["records"] / max(most[0], 1)
        return found

    return LiveLedger(
        f"live ledger of {topic or load_config().topic}",
        # The first read covers the whole topic: the cell does not wait for it.
        {
            "stages": [],
            "dead_letters": 0,
            "waiting": None,
            "verdict": "",
            "sentence": "Weighing …",
            "state": "",
        },
        snapshot,
        finish=finish,
        updates_per_s=updates_per_s,
    )


def _waiting(ledger: Ledger) -> Snapshot | None:
    """Return what is in the topic and not in the CSV yet; None if one of them is not known.

    Beside the whole mass it is too small to be seen, so it has a bar with a scale of its own.
    """
    topic, csv = ledger.stages.get("topic"), ledger.stages.get("csv")
    if topic is None or csv is None or topic.records is None or csv.records is None:
        return None
    grams = None if topic.grams is None or csv.grams is None else max(0, topic.grams - csv.grams)
    return {"records": max(0, topic.records - csv.records), "grams": grams, "share": 0.0}


def _ledger_snapshot(ledger: Ledger) -> Snapshot:
    sentence = sentence_in_notebook(ledger.sentence)
    stages = [
        {
            "key": name,
            "label": name,
            "note": stage.note or MEANING[name],
            "records": stage.records,
            "grams": stage.grams,
        }
        for name, stage in ledger.stages.items()
    ]
    stages += [
        {"key": name, "label": name, "note": meaning, "records": one.records, "grams": one.grams}
        for name, meaning in ASIDE.items()
        if (one := getattr(ledger, name)).records
    ]
    return {
        "stages": stages,
        "dead_letters": ledger.dead_letters,
        "waiting": _waiting(ledger),
        "verdict": ledger.state,
        "sentence": f"{SIGNS[ledger.state]} {ledger.state}: {sentence}",
        "state": f"Topic {ledger.topic_name}; the mass is in tonnes, to the gram.",
    }
