/** The answer of `/api/series`, which is also what the notebook's widget is given. */
export interface SeriesPayload {
  by: string;
  unit: string;
  window_s: number;
  bucket_s: number;
  as_of: string | null;
  /** Where each bucket begins, in UTC; one value of each series per bucket. */
  times: string[];
  series: EmissionSeries[];
}

export interface EmissionSeries {
  key: string;
  label: string;
  /** t/h per bucket; null where no reading arrived: a gap, not a zero. */
  values: (number | null)[];
  co2_kg: number;
}

export interface SeriesDigest {
  now: number | null;
  lowest: number | null;
  highest: number | null;
}

/** What a line says, as three numbers: for the table and the sentence beside the picture. */
export function digest(values: (number | null)[]): SeriesDigest {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { now: null, lowest: null, highest: null };
  return {
    now: values.at(-1) ?? null,
    lowest: Math.min(...known),
    highest: Math.max(...known),
  };
}

/** Leave out the buckets before the first reading: a young lab's chart begins at its left edge. */
export function fromFirstReading(payload: SeriesPayload): SeriesPayload {
  const first = payload.times.findIndex((_time, bucket) =>
    payload.series.some(({ values }) => values[bucket] != null),
  );
  if (first <= 0) return payload;
  return {
    ...payload,
    times: payload.times.slice(first),
    series: payload.series.map((one) => ({ ...one, values: one.values.slice(first) })),
  };
}

/**
 * How many buckets the new times are ahead of the old ones; null where the two do not overlap
 * (another window, or a long pause), so that the lines have to be redrawn.
 */
export function bucketsAhead(before: string[], after: string[]): number | null {
  const first = after[0];
  if (first === undefined) return null;
  const ahead = before.indexOf(first);
  if (ahead < 0) return null;
  const overlaps = before.slice(ahead).every((time, index) => after[index] === time);
  return overlaps ? ahead : null;
}

/**
 * Leave out long stretches without any reading; one empty bucket stays in place of each. A lab that
 * was stopped overnight is not shown as a night of nothing.
 */
export function withoutGaps(payload: SeriesPayload): SeriesPayload {
  const isEmpty = payload.times.map((_time, bucket) => payload.series.every(({ values }) => values[bucket] == null));
  const isKept = (_value: unknown, bucket: number) => !(isEmpty[bucket] && isEmpty[bucket - 1]);
  return {
    ...payload,
    times: payload.times.filter(isKept),
    series: payload.series.map((one) => ({ ...one, values: one.values.filter(isKept) })),
  };
}

/** The sum of all lines; null where no line has a value. */
export function sumOf({ times, series }: SeriesPayload): (number | null)[] {
  return times.map((_time, bucket) => {
    const known = series.map(({ values }) => values[bucket]).filter((value) => value != null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
  });
}
