import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { parseView } from "../view/view";
import { dayLoader } from "./load-day";

const NEWEST_S = 1_000_000 * 1200;
let filledS = 0;
const asked: { windowS: number; bucketS: number }[] = [];

/** As the API answers: only the buckets that a lab of `filledS` seconds has filled to their ends. */
function answer(address: string): Response {
  const question = new URLSearchParams(address.split("?")[1]);
  const [windowS, bucketS] = [Number(question.get("window_s")), Number(question.get("bucket_s"))];
  asked.push({ windowS, bucketS });
  const starts = Array.from({ length: windowS / bucketS }, (_bucket, place) => NEWEST_S - windowS + place * bucketS);
  const values = starts.map((start) => (start >= NEWEST_S - filledS ? 1 : null));
  const times = starts.map((start) => new Date(start * 1000).toISOString());
  const series = [{ key: "power", label: "Power", values, co2_kg: 1 }];
  return Response.json({ by: "sector", unit: "t/h", window_s: windowS, bucket_s: bucketS, as_of: null, times, series });
}

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", (address: string) => Promise.resolve(answer(address)));
});
afterEach(() => {
  vi.unstubAllGlobals();
});
const { filters } = parseView("");
const signal = new AbortController().signal;

it.each([
  ["a minute", 60, 30],
  ["forty minutes", 2400, 60],
  ["a day", 86_400, 1200],
])("asks for what %s fills, in buckets that are seen", async (_what, seconds, bucketS) => {
  filledS = seconds;
  const load = dayLoader();
  const day = await load(filters, signal);
  expect(day.bucket_s).toBeLessThanOrEqual(bucketS);
  const filled = day.series[0]?.values.filter((value) => value !== null) ?? [];
  expect(filled.length * day.bucket_s).toBe(seconds);
  expect(asked.length).toBeLessThanOrEqual(4);
  asked.length = 0;
  await load(filters, signal);
  expect(asked).toHaveLength(1); // what it has learnt is remembered
});

it("asks for more once a longer time is filled", async () => {
  filledS = 300;
  const load = dayLoader();
  const before = await load(filters, signal);
  filledS = 7200;
  let after = await load(filters, signal);
  for (let poll = 0; poll < 3; poll++) after = await load(filters, signal);
  expect(after.bucket_s).toBeGreaterThan(before.bucket_s);
  expect((after.series[0]?.values.filter((value) => value !== null).length ?? 0) * after.bucket_s).toBe(7200);
});
