/** What the kernel tells of a topic; made by labkit/widgets/partition_view.py. */
export interface LanesSnapshot {
  title: string;
  topic: string;
  topic_id: string | null;
  lanes: Lane[];
  groups: string[];
  sentence: string;
  state: string;
  /** Whether this is what the brokers say now, rather than their last known answer. */
  fresh: boolean;
}

export interface Lane {
  partition: number;
  leader: number | null;
  in_sync: number[];
  out_of_sync: number[];
  start: number | null;
  end: number | null;
  records: LaneRecord[];
  groups: Standing[];
}

export interface LaneRecord {
  offset: number;
  place: number | null;
  mark: string;
  key: string;
  value: string;
  size_bytes: number;
  timestamp_ms: number;
  headers: [string, string][];
}

export interface Standing {
  group: string;
  position: number;
  lag: number | null;
}

/** Where a group's arrow points: a slot of the lane, or before the first one that is shown. */
export interface Arrow {
  group: string;
  /** -1: before what is shown; the number of records: where the next record will be. */
  slot: number;
  text: string;
}

/**
 * An arrow points at the record that its group reads next. A position in a gap (a compacted record,
 * a transaction's marker) points at the next record that is there, as the group will find it.
 */
export function arrowOf({ group, position, lag }: Standing, { records, start, end }: Lane): Arrow {
  const found = records.findIndex((record) => record.offset >= position);
  const first = records[0]?.offset ?? end ?? 0;
  const isBefore = position < first && (start ?? 0) < first;
  const slot = isBefore ? -1 : found === -1 ? records.length : found;
  const gone = Math.max(0, (start ?? 0) - position);
  const notes = [
    lag === null ? "lag not known" : `lag ${lag.toLocaleString("en")}`,
    ...(gone > 0 ? [`${gone.toLocaleString("en")} gone unread`] : []),
  ];
  return { group, slot, text: `${group}: ${notes.join(", ")}` };
}

/** How many offsets are missing right before this record: compacted, or no records at all. */
export function gapBefore(records: LaneRecord[], index: number): number {
  const [before, here] = [records[index - 1], records[index]];
  return before === undefined || here === undefined ? 0 : here.offset - before.offset - 1;
}

/** How many offsets are between the log's start and the first record that is shown. */
export function hiddenBefore({ start, end, records }: Lane): number {
  const first = records[0]?.offset ?? end;
  return start === null || first === null ? 0 : Math.max(0, first - start);
}

export function leaderText({ leader, in_sync, out_of_sync }: Lane): string {
  const led = leader === null ? "no leader" : `leader ${leader}`;
  const lacking = out_of_sync.map((broker) => `✕${broker}`).join(" ");
  return `${led} · in sync ${in_sync.join(" ") || "nobody"}${lacking === "" ? "" : ` · not ${lacking}`}`;
}

/** What a record's box says to somebody who does not see it; it begins with the visible text. */
export function recordLabel(record: LaneRecord, partition: number): string {
  return `${record.mark} ${record.offset}: key ${record.key}, partition ${partition}, ${record.size_bytes} bytes`;
}

/** A record's timestamp, which its producer gave it, in the reader's own time. */
export function timeText(timestampMs: number): string {
  if (timestampMs < 0) return "none";
  const date = new Date(timestampMs);
  return `${date.toLocaleString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
