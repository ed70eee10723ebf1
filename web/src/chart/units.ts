const number = (digits: number) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const WHOLE = number(0);
const TENTHS = number(1);
const HUNDREDTHS = number(2);
const MILLIONTHS = number(6);

/** Three to four significant digits. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return WHOLE.format(value);
  return (size >= 100 ? TENTHS : HUNDREDTHS).format(value);
}

/** An exact mass in tonnes: a ledger that rounds cannot show that one record is missing. */
export const formatGrams = (grams: number): string => MILLIONTHS.format(grams / 1e6);

export const formatCount = (count: number): string => WHOLE.format(count);

const UP_TO_THOUSANDTHS = new Intl.NumberFormat("en");

/** A number on an axis, with no more digits than it needs. */
export const formatTick = (value: number): string => UP_TO_THOUSANDTHS.format(value);

/** A rate in t/h, without its unit; a dash where there is none. */
export const formatRate = (value: number | null): string =>
  value === null ? "–" : formatNumber(value);

export interface Quantity {
  value: string;
  unit: string;
}

/** A mass in the unit that keeps the number readable: kg, t, kt or Mt. */
export function massOf(kg: number): Quantity {
  const size = Math.abs(kg);
  if (size < 1e3) return { value: formatNumber(kg), unit: "kg" };
  if (size < 1e6) return { value: formatNumber(kg / 1e3), unit: "t" };
  if (size < 1e9) return { value: formatNumber(kg / 1e6), unit: "kt" };
  return { value: formatNumber(kg / 1e9), unit: "Mt" };
}

export function formatMass(kg: number): string {
  const { value, unit } = massOf(kg);
  return `${value} ${unit}`;
}

export const formatShare = (share: number): string => `${TENTHS.format(share * 100)} %`;

/** 3 s, 4 min, 2 h: an age to glance at, not to calculate with. */
export function formatAge(seconds: number): string {
  if (seconds < 10) return `${TENTHS.format(Math.max(0, seconds))} s`;
  if (seconds < 120) return `${WHOLE.format(seconds)} s`;
  if (seconds < 7200) return `${WHOLE.format(seconds / 60)} min`;
  if (seconds < 172_800) return `${WHOLE.format(seconds / 3600)} h`;
  return `${WHOLE.format(seconds / 86_400)} days`;
}

// Made once: `toLocaleTimeString` makes a new one for each time that it writes.
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23" });

export const formatClock = (iso: string): string => CLOCK.format(Date.parse(iso));

const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** Sat 31 Oct, 14:05: for a time that is not today's. */
export const formatDayAndTime = (iso: string): string => DAY_AND_TIME.format(new Date(iso));
