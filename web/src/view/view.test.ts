import { describe, expect, it } from "vitest";

import { filterQuery, formatView, hidden, parseView, pressed, withoutFilters } from "./view";

describe("a view and its address", () => {
  it.each([
    "",
    "?sector=power&sector=steel&country=PL&window_s=3600&shape=stacked",
    "?facility_id=PL-COAL-001&window_s=86400&scale=logarithmic",
    "?fuel=a%26b%3Dc&window_s=60",
    "?window_s=7", // the API refuses it, in words
  ])("are the same thing: %s", (address) => {
    expect(formatView(parseView(address))).toBe(address);
  });

  it.each(["?window_s=-7", "?window_s=nonsense&shape=pie&scale=mel&else=1", "?sector="])(
    "make sense of what a hand has typed: %s",
    (address) => {
      expect(parseView(address)).toEqual(parseView(""));
    },
  );
});

it("leaves one dimension out of the question, so that its other values are still on offer", () => {
  const { filters } = parseView("?sector=power&country=PL");
  expect(filterQuery(filters, "country").toString()).toBe("sector=power");
});

it("keeps window and shape when the filters go", () => {
  expect(formatView(withoutFilters(parseView("?country=PL&window_s=60")))).toBe("?window_s=60");
});

it("adds and takes away a bar", () => {
  expect(pressed([], "PL")).toEqual(["PL"]);
  expect(pressed(["PL"], "DE")).toEqual(["PL", "DE"]);
  expect(pressed(["PL"], "PL")).toEqual([]);
});

describe("a name in the legend", () => {
  const all = ["power", "steel", "waste"];
  it("is hidden, and shown again", () => {
    expect(hidden([], "steel", all)).toEqual(["power", "waste"]);
    expect(hidden(["power", "waste"], "steel", all)).toEqual([]);
  });
  it("that is the last one shows them all again", () => {
    expect(hidden(["steel"], "steel", all)).toEqual([]);
  });
});
