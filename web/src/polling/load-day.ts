import { fromFirstReading, type SeriesPayload } from "../chart/series";
import { filterQuery, type Filters } from "../view/view";
import { getJson } from "./get-json";

const DAY_S = 86_400;
const BUCKETS_S = [5, 10, 15, 30, 60, 120, 300, 600, 1200];
const CELLS = 72;

/**
 * Return a function that asks for the last day, in at most 72 buckets. A young lab has filled only a
 * few of them: then it asks again for the time that there is, in smaller buckets, and remembers that.
 */
export function dayLoader(): (filters: Filters, signal: AbortSignal) => Promise<SeriesPayload> {
  let known: { filters: string; bucketS: number } | undefined;
  return async (filters, signal) => {
    const same = JSON.stringify(filters);
    let bucketS = known?.filters === same ? known.bucketS : DAY_S / CELLS;
    let day = await ask(filters, bucketS, signal);
    for (let next = fitting(day); next !== bucketS; next = fitting(day)) {
      const isFiner = next < bucketS;
      bucketS = next;
      day = await ask(filters, bucketS, signal);
      if (!isFiner) break;
    }
    known = { filters: same, bucketS };
    return day;
  };
}

/** The smallest bucket with which all that was filled fits; where it may go further back, a larger one. */
function fitting(day: SeriesPayload): number {
  const { bucket_s, times, series } = day;
  // The first and the last bucket are left out until they are complete, so more time is filled than buckets.
  const isEmpty = series.every(({ values }) => values.every((value) => value === null));
  const filled = isEmpty ? 0 : fromFirstReading(day).times.length;
  const spanS = (filled < times.length ? filled + 2 : 2 * filled) * bucket_s;
  return BUCKETS_S.find((seconds) => spanS / seconds <= CELLS) ?? DAY_S / CELLS;
}

function ask(filters: Filters, bucketS: number, signal: AbortSignal): Promise<SeriesPayload> {
  const question = filterQuery(filters);
  question.set("window_s", String(Math.min(DAY_S, bucketS * CELLS)));
  question.set("bucket_s", String(bucketS));
  return getJson(`api/series?${question.toString()}`, signal);
}
