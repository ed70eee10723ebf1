import type { Scale, Shape } from "../chart/chart-options";

/** What the reader chose to see; all of it is in the page's address, so it can be shared. */
export interface View {
  windowS: number;
  filters: Filters;
  shape: Shape;
  scale: Scale;
}
export type Dimension = "sector" | "country" | "fuel" | "facility_id";
/** For each dimension the keys that count; an empty list means that all do. */
export type Filters = Record<Dimension, readonly string[]>;

export const DIMENSIONS: readonly Dimension[] = ["sector", "country", "fuel", "facility_id"];
export const DIMENSION_NAMES: Record<Dimension, string> = {
  sector: "sector",
  country: "country",
  fuel: "fuel",
  facility_id: "plant",
};
export const WINDOWS_S = [60, 300, 900, 3600, 21_600, 86_400] as const;
const SHAPES: readonly Shape[] = ["each", "lines", "stacked"];
const NO_FILTERS: Filters = { sector: [], country: [], fuel: [], facility_id: [] };
const DEFAULT: View = { windowS: 300, filters: NO_FILTERS, shape: "each", scale: "linear" };

/**
 * Read a view from an address; whatever is missing or unknown has its default. A window that no
 * button has is kept: only the API knows whether it is valid, and says so.
 */
export function parseView(search: string): View {
  const given = new URLSearchParams(search);
  const windowS = given.get("window_s") ?? "";
  const filters = Object.fromEntries(
    DIMENSIONS.map((name) => [name, [...new Set(given.getAll(name).filter(Boolean))]]),
  ) as unknown as Filters;
  return {
    windowS: /^\d{1,9}$/.test(windowS) ? Number(windowS) : DEFAULT.windowS,
    filters,
    shape: SHAPES.find((shape) => shape === given.get("shape")) ?? DEFAULT.shape,
    scale: given.get("scale") === "logarithmic" ? "logarithmic" : "linear",
  };
}

/** Write a view as the query of an address, without defaults. */
export function formatView({ windowS, filters, shape, scale }: View): string {
  const query = filterQuery(filters);
  if (windowS !== DEFAULT.windowS) query.set("window_s", String(windowS));
  if (shape !== DEFAULT.shape) query.set("shape", shape);
  if (scale !== DEFAULT.scale) query.set("scale", scale);
  const text = query.toString();
  return text ? `?${text}` : "";
}

/** The filters as the API takes them: each name may be repeated. */
export function filterQuery(filters: Filters, except?: Dimension): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of DIMENSIONS) {
    if (name === except) continue;
    for (const key of filters[name]) query.append(name, key);
  }
  return query;
}

export const isFiltered = (filters: Filters): boolean =>
  DIMENSIONS.some((name) => filters[name].length > 0);

export const withoutFilters = (view: View): View => ({ ...view, filters: NO_FILTERS });

export const withKeys = (view: View, name: Dimension, keys: readonly string[]): View => ({
  ...view,
  filters: { ...view.filters, [name]: keys },
});

/** Press a bar: this one alone, one more, or one less. */
export function pressed(keys: readonly string[], key: string): readonly string[] {
  return keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key];
}

/** Press a name in the legend: hide it or show it again; with all or none shown, nothing is filtered. */
export function hidden(keys: readonly string[], key: string, all: readonly string[]): readonly string[] {
  const shown = keys.length === 0 ? all : keys;
  const next = shown.includes(key) ? shown.filter((one) => one !== key) : [...shown, key];
  return all.every((one) => next.includes(one)) ? [] : next;
}
