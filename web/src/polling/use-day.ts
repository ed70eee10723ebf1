import { useState } from "react";

import type { SeriesPayload } from "../chart/series";
import type { Filters } from "../view/view";
import { dayLoader } from "./load-day";
import { usePoll } from "./use-poll";

/** Hours change slowly: this is requested once while the rest is requested ten times. */
const EVERY_MS = 20_000;

/** The last day, sector by sector: the curve at the top of the page, and the heat strip. */
export function useDay(filters: Filters, paused: boolean): SeriesPayload | undefined {
  const [load] = useState(dayLoader);
  return usePoll(filters, (signal) => load(filters, signal), { everyMs: EVERY_MS, timeoutMs: EVERY_MS, paused }).data;
}
