import type { SeriesPayload } from "../chart/series";
import { getJson } from "../polling/get-json";
import { filterQuery, type Filters } from "../view/view";

const HOURS_6_S = 21_600;
const COARSE_S = 300;
const BUCKETS_S = [5, 10, 15, 30, 60, 120];
const CELLS = 72;

/**
 * Ask for the last six hours in buckets of five minutes. A new lab has filled only a few of them:
 * then ask once more, for the time that there is, in smaller buckets.
 */
export async function loadHeat(filters: Filters, signal: AbortSignal): Promise<SeriesPayload> {
  const long = await ask(filters, HOURS_6_S, COARSE_S, signal);
  const filled = long.times.findIndex((_time, piece) =>
    long.series.some(({ values }) => values[piece] != null),
  );
  // The first and the last bucket are left out until they are complete, so there is more than is filled.
  const spanS = (filled < 0 ? 2 : long.times.length - filled + 2) * COARSE_S;
  const bucketS = BUCKETS_S.find((seconds) => spanS / seconds <= CELLS);
  return bucketS === undefined ? long : ask(filters, spanS, bucketS, signal);
}

function ask(filters: Filters, windowS: number, bucketS: number, signal: AbortSignal): Promise<SeriesPayload> {
  const question = filterQuery(filters);
  question.set("window_s", String(windowS));
  question.set("bucket_s", String(bucketS));
  return getJson(`api/series?${question.toString()}`, signal);
}
