import type { SeriesPayload } from "../chart/series";

/** One answer of the API, whose shapes stand in docs/architecture.md. */
export interface Health {
  status: "ok" | "empty" | "degraded";
  topic: string;
  rows: number;
  newest_recorded_at: string | null;
  age_s: number | null;
  problems: string[];
}

export interface Total {
  key: string;
  label: string;
  co2_kg: number;
  share: number;
}

export interface Summary {
  window_s: number | null;
  records: number;
  co2_kg: number;
  rate_t_per_h: number | null;
  top_facility: { facility_id: string; facility: string; rate_t_per_h: number } | null;
  over_25kt_per_year: number;
  by_country: Total[];
  by_fuel: Total[];
}

export interface Pipeline {
  topic: string;
  group_id: string | null;
  state: "running" | "stale" | "absent";
  totals: { dead_letters: number; lag: number | null; lag_s: number | null };
}

/** All that the page shows, asked for together every two seconds. */
export interface Snapshot {
  health: Health;
  series: SeriesPayload;
  /** The last minute, for what is called "now". */
  now: Summary;
  /** The window that the reader chose. */
  recent: Summary;
  /** Everything that is stored. */
  total: Summary;
  pipeline: Pipeline;
}

/** The API answered, and what it answered is a problem, with the next line to type. */
export class ApiProblem extends Error {
  constructor(
    title: string,
    readonly next: string,
  ) {
    super(title);
  }
}

/** Nothing that speaks for the API answered: it has stopped, or the network to it is down. */
export class ApiGone extends Error {}

const NOW_S = 60;

export async function loadSnapshot(windowS: number, signal: AbortSignal): Promise<Snapshot> {
  const ask = <T>(path: string) => getJson<T>(`api/${path}`, signal);
  const [health, series, now, recent, total, pipeline] = await Promise.all([
    ask<Health>("health"),
    ask<SeriesPayload>(`series?by=sector&window_s=${windowS}`),
    ask<Summary>(`summary?window_s=${NOW_S}`),
    ask<Summary>(`summary?window_s=${windowS}`),
    ask<Summary>("summary"),
    ask<Pipeline>("pipeline"),
  ]);
  return { health, series, now, recent, total, pipeline };
}

/** Ask for JSON at an address relative to the page, which may be served behind a prefix. */
async function getJson<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    // "no-cache" still uses the browser's cache, after asking whether it is up to date (ETag, 304).
    response = await fetch(path, { signal, cache: "no-cache" });
  } catch (error) {
    throw new ApiGone("The API does not answer", { cause: error });
  }
  const type = response.headers.get("content-type") ?? "";
  if (response.ok && type.includes("json")) return (await response.json()) as T;
  if (type.includes("problem+json")) throw await problemOf(response);
  // A proxy in front of a stopped API answers for it, with an error page of its own.
  throw new ApiGone(`The API does not answer (HTTP ${response.status})`);
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const problem = (await response.json()) as { title?: string; detail?: string; next?: string };
  const text = problem.detail ?? problem.title ?? `HTTP ${response.status}`;
  return new ApiProblem(text, problem.next ?? "");
}
