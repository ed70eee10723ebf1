"""Tables of readings, written in all the ways that people and programs write them."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

START = datetime(2025, 3, 9, 20, tzinfo=UTC)
PLANTS = ("Zürich Süd", 'Plant; "B", the 2nd', "C")
NOTES = ("", "ok", 'a "quoted" word', "one, two; three\tfour|five", "it's")
TIME_FORMS = {
    "iso": lambda at: [at.strftime("%Y-%m-%d %H:%M")],
    "iso with zone": lambda at: [at.astimezone(UTC).isoformat()],
    "basic": lambda at: [at.strftime("%Y%m%dT%H%M%SZ")],
    "dots": lambda at: [at.strftime("%d.%m.%Y %H:%M")],
    "day first": lambda at: [at.strftime("%d/%m/%Y %H:%M")],
    "month first": lambda at: [at.strftime("%m/%d/%Y %I:%M %p")],
    "unix": lambda at: [str(int(at.timestamp()))],
    "date and hour": lambda at: [at.strftime("%Y-%m-%d"), str(at.hour)],
    "date and time": lambda at: [at.strftime("%d.%m.%Y"), at.strftime("%H.%M.%S")],
}
TIME_TITLES = {"date and hour": ["Date", "Hour"], "date and time": ["Date", "Time"]}
UNITS = {"kg": 1000, "t": 1_000_000, "g": 1}


def number(amount_g: int, unit: str, decimal: str, grouped: bool, fixed: bool) -> str:
    """Write grams in a unit, exactly, as one country or another does."""
    value = Decimal(amount_g) / UNITS[unit]
    text = f"{value:,f}" if grouped else f"{value:f}"
    if not fixed and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.translate(str.maketrans(".,", ",." if decimal == "," else ".,"))


@st.composite
def tables(draw):
    """A table as text in bytes, and what is in it: (plant, time) -> grams."""
    delimiter = draw(st.sampled_from(",;\t|"))
    decimal = draw(st.sampled_from(".,"))
    unit = draw(st.sampled_from(sorted(UNITS)))
    form = draw(st.sampled_from(sorted(TIME_FORMS)))
    grouped, fixed = draw(st.booleans()), draw(st.booleans())
    keys = draw(
        st.lists(
            st.tuples(st.integers(0, len(PLANTS) - 1), st.integers(0, 24)),
            min_size=1,
            max_size=12,
            unique=True,
        )
    )
    content = {
        (PLANTS[plant], START + timedelta(hours=hour)): draw(st.integers(0, 5_000_000_000))
        for plant, hour in keys
    }
    columns = [*TIME_TITLES.get(form, ["time"]), "plant", f"CO₂ ({unit})", "remark"]
    order = draw(st.permutations(range(len(columns))))
    empty_columns = draw(st.integers(0, 2))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=delimiter,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    if draw(st.booleans()):
        text.write(f"sep={delimiter}{writer.dialect.lineterminator}")
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    if encoding == "cp1252":  # it has no small 2
        columns = [title.replace("₂", "2") for title in columns]
    writer.writerow([columns[n] for n in order] + [""] * empty_columns)
    for (plant, at), amount_g in content.items():
        amount = number(amount_g, unit, decimal, grouped, fixed)
        cells = [*TIME_FORMS[form](at), plant, amount, draw(st.sampled_from(NOTES))]
        writer.writerow([cells[n] for n in order] + [""] * empty_columns)
        if draw(st.integers(0, 5)) == 0:
            writer.writerow([""] * (len(cells) + empty_columns))
    return text.getvalue().encode(encoding), content
