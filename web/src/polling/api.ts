import type { SeriesPayload } from "../chart/series";
import { DIMENSIONS, filterQuery, type Dimension, type View } from "../view/view";
import type { Dashboard, Summary, Total } from "./answers";
import { getJson } from "./get-json";

/** Everything the page shows, requested together every two seconds. */
export interface Snapshot extends Dashboard {
  /** What was asked for: the reader may have chosen something else since. */
  view: View;
  facets: Facets;
  /** When this state was first received, on the browser's clock; ages count from here. */
  heardAt: number;
  /** When the followed reading was first on the page, on the browser's clock. */
  paintedAt: number;
}

/**
 * The bars of each dimension, under the filters of the *other* dimensions only: with Poland chosen,
 * Germany is still shown and can be added.
 */
export type Facets = Record<Dimension, readonly Total[]>;

const LATEST = 12;
const TOP = 100;

/** Return a function that loads a snapshot. It remembers when the API's last answer was new. */
export function snapshotLoader(): (view: View, signal: AbortSignal) => Promise<Snapshot> {
  let last = { served_at: "", heardAt: 0 };
  let followed: { id: string | undefined; paintedAt: number } = { id: undefined, paintedAt: 0 };
  return async (view, signal) => {
    const [dashboard, facets, series] = await Promise.all([
      getJson<Dashboard>(address("dashboard", questionOf(view)), signal),
      loadFacets(view, signal),
      loadSeries(view, signal),
    ]);
    // "Not modified" returns the browser's copy, with the ages of that time.
    if (dashboard.served_at !== last.served_at) {
      last = { served_at: dashboard.served_at, heardAt: Date.now() };
    }
    const id = dashboard.pipeline.latency.reading?.reading_id;
    if (id !== followed.id) followed = { id, paintedAt: Date.now() };
    return {
      ...dashboard,
      view,
      series: series ?? dashboard.series,
      facets: { ...facetsOf(dashboard.window), ...facets },
      heardAt: last.heardAt,
      paintedAt: followed.paintedAt,
    };
  };
}

function questionOf({ windowS, filters }: View): URLSearchParams {
  const question = filterQuery(filters);
  question.set("window_s", String(windowS));
  question.set("limit", String(LATEST));
  question.set("top", String(TOP));
  return question;
}

/** A dimension with a filter costs one more request; without filters there is none here. */
async function loadFacets({ windowS, filters }: View, signal: AbortSignal): Promise<Partial<Facets>> {
  const filtered = DIMENSIONS.filter((name) => filters[name].length > 0);
  const answers = filtered.map(async (name) => {
    const question = filterQuery(filters, name);
    question.set("window_s", String(windowS));
    question.set("top", String(TOP));
    const summary = await getJson<Summary>(address("summary", question), signal);
    return [name, facetsOf(summary)[name]] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

/** The lines under the other filters, so that the legend still has a name for each sector. */
async function loadSeries({ windowS, filters }: View, signal: AbortSignal): Promise<SeriesPayload | null> {
  if (filters.sector.length === 0) return null;
  const question = filterQuery(filters, "sector");
  question.set("window_s", String(windowS));
  return getJson<SeriesPayload>(address("series", question), signal);
}

const facetsOf = ({ by_sector, by_country, by_fuel, by_facility }: Summary): Facets => ({
  sector: by_sector,
  country: by_country,
  fuel: by_fuel,
  facility_id: by_facility,
});

const address = (path: string, question: URLSearchParams) => `api/${path}?${question.toString()}`;
