import { formatCount } from "../chart/units";

/** 60 s as "minute", 300 s as "5 minutes", 86,400 s as "24 hours", 90 s as "90 seconds": after "the last". */
export function formatWindow(seconds: number): string {
  if (seconds % 60 !== 0) return `${seconds} seconds`;
  if (seconds % 3600 !== 0) return seconds === 60 ? "minute" : `${seconds / 60} minutes`;
  return seconds === 3600 ? "hour" : `${seconds / 3600} hours`;
}

export const shortWindow = (seconds: number): string =>
  seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;

/** 1 plant, 2 plants. */
export const many = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
