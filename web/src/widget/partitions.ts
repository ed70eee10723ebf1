import { element, tableHead, tableRow } from "../chart/dom";
import { COLOURS, type Theme } from "../chart/marks";
import { follow, followKernel, followTheme, hostTheme, type RenderProps } from "./host";
import { createLaneStrip, laneWidth, type LaneStrip } from "./lane-strip";
import { timeText, type Lane, type LaneRecord, type LanesSnapshot } from "./lanes";
import { createSentence } from "./sentence";
import "./partitions.css";

const FEW_LANES = 6;

interface Traits {
  snapshot: LanesSnapshot;
}

/** A topic as logs of numbered records, with the position of each group. */
function render({ model, el }: RenderProps<Traits>): () => void {
  let theme: Theme = hostTheme();
  const title = element("h3");
  const sentence = createSentence("labkit-sentence");
  const lanes = element("div", { className: "labkit-lanes" });
  const record = element("div", { className: "labkit-record" }, "Point at a record, or go to it with the Tab and arrow keys.");
  const table = element("table", { className: "labkit-twin" });
  const details = element("details", {}, element("summary", {}, "The same as a table"), table);
  const state = element("p", { className: "labkit-state" });
  el.classList.add("labkit-widget");
  el.append(title, sentence.element, lanes, record, details, state);
  const strips = new Map<number, LaneStrip>();
  let topicId: string | null = null;

  const colourOf = (place: number | null): string => {
    const colours = COLOURS[theme];
    return place === null ? "var(--ef-muted)" : (colours[place % colours.length] ?? "");
  };

  function showLanes(snapshot: LanesSnapshot): void {
    // A topic that was created again has the same offsets, but other records.
    const isAnother = snapshot.topic_id !== topicId;
    topicId = snapshot.topic_id;
    const present = new Set(snapshot.lanes.map((lane) => lane.partition));
    for (const [partition, strip] of strips) {
      if (present.has(partition) && !isAnother) continue;
      strip.element.remove();
      strips.delete(partition);
    }
    for (const lane of snapshot.lanes) {
      let strip = strips.get(lane.partition);
      if (strip === undefined) {
        strip = createLaneStrip(lane.partition, { colourOf, onRecord: showRecord });
        strips.set(lane.partition, strip);
        lanes.append(strip.element);
      }
      strip.show(lane);
    }
    // Many short logs stand side by side where there is room for it.
    const most = Math.max(0, ...snapshot.lanes.map((lane) => lane.records.length));
    const isMany = snapshot.lanes.length > FEW_LANES;
    lanes.style.gridTemplateColumns = isMany ? `repeat(auto-fill, minmax(min(100%, ${laneWidth(most)}px), 1fr))` : "";
  }

  function showRecord(seen: LaneRecord, partition: number): void {
    record.replaceChildren(recordList(seen, partition));
  }

  function show(snapshot: LanesSnapshot): void {
    title.textContent = snapshot.title;
    // Problems come first, in the same place as the figures.
    sentence.say(snapshot.fresh ? snapshot.sentence : snapshot.state);
    state.textContent = snapshot.fresh ? snapshot.state : "What is shown is the last that was known.";
    lanes.classList.toggle("labkit-stale", !snapshot.fresh);
    showLanes(snapshot);
    // A closed table is not built.
    if (details.open) table.replaceChildren(...tableOf(snapshot));
  }

  const onToggle = () => {
    show(model.get("snapshot"));
  };
  const onKey = (event: KeyboardEvent) => {
    moveFocus(event, [...strips.values()].map((strip) => strip.boxes()));
  };
  details.addEventListener("toggle", onToggle);
  lanes.addEventListener("keydown", onKey);
  const endings = [
    followKernel(model, el),
    followTheme(el, (next) => {
      theme = next;
      show(model.get("snapshot"));
    }),
    follow(model, "snapshot", show),
  ];
  return () => {
    for (const end of endings) end();
    sentence.destroy();
  };
}

/** The arrow keys go from record to record: left and right in a log, up and down between them. */
function moveFocus(event: KeyboardEvent, rows: HTMLButtonElement[][]): void {
  const row = rows.findIndex((boxes) => boxes.includes(event.target as HTMLButtonElement));
  const here = rows[row];
  if (here === undefined) return;
  const column = here.indexOf(event.target as HTMLButtonElement);
  const goals: Partial<Record<string, HTMLButtonElement | undefined>> = {
    ArrowLeft: here[column - 1],
    ArrowRight: here[column + 1],
    ArrowUp: rows.slice(0, row).findLast((boxes) => boxes.length > 0)?.at(column),
    ArrowDown: rows.slice(row + 1).find((boxes) => boxes.length > 0)?.at(column),
    Home: here[0],
    End: here.at(-1),
  };
  if (!(event.key in goals)) return;
  event.preventDefault();
  goals[event.key]?.focus();
}

function recordList(seen: LaneRecord, partition: number): HTMLDListElement {
  const headers = seen.headers.map(([name, value]) => `${name}: ${value}`).join(", ");
  const rows: [string, string][] = [
    ["record", `partition ${partition}, offset ${seen.offset}`],
    ["key", seen.key],
    ["timestamp", timeText(seen.timestamp_ms)],
    ["size", `${seen.size_bytes.toLocaleString("en")} bytes in key and value`],
    ["headers", headers || "none"],
    ["value", seen.value],
  ];
  return element(
    "dl",
    {},
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function tableOf({ lanes, groups }: LanesSnapshot): Node[] {
  const cells = (lane: Lane) => [
    String(lane.leader ?? "nobody"),
    lane.in_sync.join(", ") || "nobody",
    lane.out_of_sync.join(", ") || "–",
    String(lane.start ?? "?"),
    String(lane.end ?? "?"),
    lane.records.slice(-5).map((one) => `${one.offset} ${one.mark}`).join(", ") || "none",
    ...groups.map((group) => {
      const found = lane.groups.find((one) => one.group === group);
      return found === undefined ? "–" : `at ${found.position}, lag ${found.lag ?? "?"}`;
    }),
  ];
  const head = ["partition", "leader", "in sync", "not in sync", "start", "end", "newest records", ...groups];
  return [
    tableHead(head),
    element("tbody", {}, ...lanes.map((lane) => tableRow(String(lane.partition), cells(lane)))),
  ];
}

export default { render };
