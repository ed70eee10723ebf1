import type { Mark, PointName } from "./marks";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES: Record<PointName, string> = {
  circle: "M20 6a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
  triangle: "M23 2.5l3.6 6.4h-7.2z",
  rect: "M20 3h6v6h-6z",
  rectRot: "M23 2l4 4-4 4-4-4z",
  star: "M19 6h8M23 2v8M20 3l6 6M26 3l-6 6",
  crossRot: "M20 3l6 6M26 3l-6 6",
};

/** A short piece of a series' line, with its dashes and its mark, for the legend. */
export function swatch({ colour, dash, point }: Mark): SVGSVGElement {
  const svg = svgElement("svg", { viewBox: "0 0 46 12", class: "ef-swatch", "aria-hidden": "true" });
  const line = { d: "M1 6h44", stroke: colour, "stroke-width": "2", fill: "none" };
  const mark = { d: SHAPES[point], stroke: colour, "stroke-width": "1.4", fill: colour };
  svg.append(
    svgElement("path", { ...line, "stroke-dasharray": dash.join(" ") }),
    svgElement("path", mark),
  );
  return svg;
}

function svgElement<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
