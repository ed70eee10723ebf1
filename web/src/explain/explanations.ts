export interface Explanation {
  /** The id of the part of the page that it explains. */
  id: string;
  title: string;
  shows: string;
  read: string;
  alarming: string;
  stage: string;
}

/** What each part of the page means: the source of the overlay and of docs/reading-the-dashboard.md. */
export const EXPLANATIONS: readonly Explanation[] = [
  {
    id: "figures",
    title: "CO₂ emitted now",
    shows:
      "How much CO₂ all plants emit per hour at present, and how that has changed over the last day, or since the lab began.",
    read: "“Now” is the mean of the last minute, or of one round of readings if plants report more seldom, in tonnes per hour (t/h). The curve has its own scale: it spans the lowest and the highest rate, and does not begin at zero. Where the lab was stopped, the curve has a gap. The dot beside the page’s title beats with each new reading, and the age beside it should stay at a few seconds. If the readings are of another time, as in a replay or with a simulated clock, a badge says which: “now” is then the newest reading’s time.",
    alarming:
      "An age that keeps growing: no reading arrives any more. A rate that falls although nobody stopped a plant: perhaps one partition is not being stored.",
    stage: "The API works these out of the rows of the CSV files. The curve is asked for every twenty seconds.",
  },
  {
    id: "facts",
    title: "Four more figures",
    shows:
      "How much was emitted in the chosen window and since the lab began, the largest plant now, and how much CO₂ a megawatt-hour of load costs.",
    read: "Masses change their unit between kg, t, kt and Mt to stay readable.",
    alarming: "A sum in the window of zero: nothing was stored in that time.",
    stage: "The API works these out of the rows of the CSV files.",
  },
  {
    id: "ledger",
    title: "Carbon ledger",
    shows:
      "Whether a gram was lost. “The six stages” shows the same records and tonnes in six places: made by the plants, acknowledged by the broker, written to the topic, stored in the CSV, served by the API, and shown on this page.",
    read: "While readings flow, the sign is → and the line says how much is stored and how much is on the way. When the producer pauses, all stages hold the same grams, and the sign is ✓. The sign ? means that only reading the topic can tell: type labkit check. The sign – means that there is nothing to compare: only one stage knows its tonnes.",
    alarming:
      "The sign ≠. Fewer tonnes later than earlier are unreported: a reading was lost. More tonnes later are phantoms: a reading was counted twice.",
    stage: "From every stage: each one counts what it holds, to the gram.",
  },
  {
    id: "rates",
    title: "Emission rate by sector",
    shows:
      "How many tonnes per hour the plants of each sector emit, over the chosen window. The newest readings come in on the right.",
    read: "“One by one” gives each sector a band with its own scale, marked with its lowest and highest rate; it does not begin at zero, so compare within a band, never between bands. “Together” draws all lines on one scale; with “steps of ten times” (a logarithmic scale), small sectors are visible next to large ones. “Stacked” areas add up to the whole. Press a name below the chart to leave a sector out. A gap means that nothing was measured there; it is not a zero.",
    alarming:
      "A gap in all lines at once: the consumer or the producer stopped. A line that stays level to the last digit: a stuck sensor.",
    stage: "The API spreads each row’s kilograms over the seconds that the reading covers.",
  },
  {
    id: "totals-sector",
    title: "CO₂ by sector, country, fuel and plant",
    shows: "Who emitted how much in the chosen window, the largest first, with its share of the whole.",
    read: "A bar is as long as its mass compared with the largest one. Press a name to limit the whole page to it; press more names to add them. Among the plants, ▲ marks those above 25,000 tonnes a year, the United States’ threshold for reporting, and the line below says how many they are.",
    alarming:
      "A name that has disappeared: its plants have sent nothing in this window. If a partition is not stored, all of its plants disappear.",
    stage: "The API adds up the rows of the CSV files.",
  },
  {
    id: "heat",
    title: "The last day, sector by sector",
    shows: "How much each sector has emitted over up to a day, in intervals.",
    read: "Each row has its own scale: a full, strong cell is that sector’s highest rate, a flat one its lowest, or a fifth below its highest if it hardly changes. So compare cells within a row, never between rows. A hatched column stands for a time without readings, however long. Point at a cell to read its rate, or at a hatched one to read how long it was.",
    alarming: "A hatched column while you meant the lab to run: for that time, nothing was stored.",
    stage: "The API, from the same rows as the lines; asked every twenty seconds, because hours change slowly.",
  },
  {
    id: "pipeline",
    title: "The way through Kafka",
    shows:
      "What the consumer reports: how many rows it has stored and how fast, how many records still wait in the topic (lag), and how many were invalid (dead letters). The table has a row for each partition.",
    read: "Position is the offset that is stored next, End the offset that the next record will get; their difference is the lag. “Behind” is the same in seconds.",
    alarming:
      "Lag that grows and does not shrink: the consumer is too slow, or has stopped. A state other than “running”. A steady stream of dead letters: a producer is broken.",
    stage: "The consumer’s status files beside the CSV, written about once a second.",
  },
  {
    id: "latency",
    title: "The route of one reading",
    shows:
      "How long the newest traced reading took: until the broker acknowledged it, until the consumer polled it and stored it, until the API served it and this page showed it.",
    read: "Each bar begins where the one before it ends. The line below tells how long readings took in the last minute. Up to two seconds of the last steps are the page’s own waiting, because it asks every two seconds.",
    alarming: "A long step before “polled”: the consumer lags. A long step before “acknowledged”: the broker is slow.",
    stage: "Times that producer, consumer and API record for about one record per second.",
  },
  {
    id: "readings",
    title: "Latest readings",
    shows: "The newest rows, with the partition and the offset that each had in the topic.",
    read: "Within a partition, offsets only increase. All readings of one plant are in one partition, because the plant’s id is the record’s key.",
    alarming: "Rows of one partition only, while others have readings too: the others are not being stored.",
    stage: "The CSV files, as the consumer wrote them.",
  },
];
