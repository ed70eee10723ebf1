import { expect, it } from "vitest";

import { fileName, seriesCsv } from "./download";

const series = (label: string, ...values: (number | null)[]) => ({ key: label, label, values, co2_kg: 1 });

it("writes a row for each bucket, and nothing where nothing was measured", () => {
  const csv = seriesCsv({
    by: "sector",
    unit: "t/h",
    window_s: 2,
    bucket_s: 1,
    as_of: null,
    times: ["2026-11-24T02:50:00.000Z", "2026-11-24T02:50:01.000Z"],
    series: [series("Power", 1.5, -2), series("=HYPERLINK(1)", null, 0), series('Steel, "new"', 3, 4)],
  });
  expect(csv.split("\r\n")).toEqual([
    `time_utc,Power (t/h),'=HYPERLINK(1) (t/h),"Steel, ""new"" (t/h)"`,
    "2026-11-24T02:50:00.000Z,1.5,,3",
    "2026-11-24T02:50:01.000Z,-2,0,4",
    "",
  ]);
});

it("names the file after the newest reading, without signs that a file system refuses", () => {
  expect(fileName("2026-11-24T02:50:01.123Z", "csv")).toBe("co2-2026-11-24T02-50-01.csv");
  expect(fileName(null, "png")).toBe("co2-empty.png");
});
