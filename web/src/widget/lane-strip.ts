import { element } from "../chart/dom";
import { arrowOf, gapBefore, hiddenBefore, leaderText, recordLabel, type Lane, type LaneRecord } from "./lanes";

/** How wide a record's box is, with the space beside it; partitions.css draws it. */
const SLOT_PX = 80;
const START_PX = 110;

/** How wide a lane with so many records is, in pixels. */
export const laneWidth = (records: number): number => START_PX + (records + 2) * SLOT_PX;

export interface LaneStrip {
  element: HTMLElement;
  show(lane: Lane): void;
  /** The boxes that are there now, oldest first. */
  boxes(): HTMLButtonElement[];
}

interface Look {
  colourOf: (place: number | null) => string;
  /** The reader looks at this record. */
  onRecord: (record: LaneRecord, partition: number) => void;
}

/**
 * One partition: a log that grows at its right end. Boxes are kept by their offset, so that a record
 * that is still there moves, and only a new one comes in.
 */
export function createLaneStrip(partition: number, { colourOf, onRecord }: Look): LaneStrip {
  const about = element("span", { className: "labkit-lane-about" });
  const name = element("p", { className: "labkit-lane-name" }, element("b", {}, `Partition ${partition}`), about);
  const start = element("span", { className: "labkit-lane-start" });
  const track = element("div", { className: "labkit-track" });
  const next = element("span", { className: "labkit-next" });
  const arrows = element("div", { className: "labkit-arrows" });
  const scroll = element("div", { className: "labkit-lane-scroll" }, start, element("div", {}, track, arrows));
  const lane = element("div", { className: "labkit-lane", role: "group" }, name, scroll);
  lane.setAttribute("aria-label", `Partition ${partition}`);
  // Otherwise JupyterLab would handle the arrow keys.
  track.dataset.lmSuppressShortcuts = "true";
  track.append(next);
  const boxes = new Map<number, HTMLButtonElement>();
  const pointers = new Map<string, HTMLElement>();
  let isFirst = true;

  function place(box: HTMLElement, slot: number): void {
    box.style.transform = `translateX(${slot * SLOT_PX}px)`;
  }

  function createBox(record: LaneRecord): HTMLButtonElement {
    const box = element(
      "button",
      { type: "button", className: "labkit-box", tabIndex: -1 },
      element("span", { className: "labkit-box-mark" }),
      " ",
      element("span", { className: "labkit-box-offset" }, String(record.offset)),
    );
    box.dataset.offset = String(record.offset);
    box.setAttribute("aria-label", recordLabel(record, partition));
    const look = () => {
      onRecord(record, partition);
    };
    // It arrives once, also where the notebook takes it off the screen and puts it back.
    box.addEventListener("animationend", () => {
      box.classList.remove("labkit-new");
    });
    box.addEventListener("focus", look);
    box.addEventListener("pointerenter", look);
    box.addEventListener("click", look);
    return box;
  }

  function showBoxes(records: LaneRecord[]): void {
    const present = new Set(records.map((record) => record.offset));
    for (const [offset, box] of boxes) {
      if (present.has(offset)) continue;
      box.remove();
      boxes.delete(offset);
    }
    records.forEach((record, slot) => {
      let box = boxes.get(record.offset);
      if (box === undefined) {
        box = createBox(record);
        if (!isFirst) box.classList.add("labkit-new");
        boxes.set(record.offset, box);
        track.insertBefore(box, next);
      }
      box.style.setProperty("--labkit-colour", colourOf(record.place));
      box.firstElementChild?.replaceChildren(record.mark);
      const gap = gapBefore(records, slot);
      box.classList.toggle("labkit-after-gap", gap > 0);
      box.title = gapText(gap);
      place(box, slot);
    });
    // One box of a lane is in the order of the Tab key; the arrow keys go to the others.
    const all = [...boxes.values()];
    const focused = all.find((box) => box === box.ownerDocument.activeElement);
    for (const box of all) box.tabIndex = box === (focused ?? all.at(-1)) ? 0 : -1;
  }

  function showArrows(lane: Lane): void {
    const present = new Set(lane.groups.map((one) => one.group));
    for (const [group, pointer] of pointers) {
      if (present.has(group)) continue;
      pointer.remove();
      pointers.delete(group);
    }
    for (const standing of lane.groups) {
      const arrow = arrowOf(standing, lane);
      let pointer = pointers.get(arrow.group);
      if (pointer === undefined) {
        pointer = element("p", { className: "labkit-arrow" });
        pointers.set(arrow.group, pointer);
        arrows.append(pointer);
      }
      const sign = arrow.slot < 0 ? "◀" : "▲";
      // Near the right end, the words stand to the left of their arrow.
      const atEnd = arrow.slot > 5;
      pointer.textContent = atEnd ? `${arrow.text} ${sign}` : `${sign} ${arrow.text}`;
      pointer.classList.toggle("labkit-arrow-at-end", atEnd);
      place(pointer, Math.max(0, arrow.slot));
    }
  }

  return {
    element: lane,
    show(lane) {
      about.textContent = ` · ${leaderText(lane)}`;
      about.classList.toggle("labkit-lacking", lane.out_of_sync.length > 0 || lane.leader === null);
      const hidden = hiddenBefore(lane);
      start.replaceChildren(
        element("span", {}, `start ${lane.start ?? "?"}`),
        ...(hidden > 0 ? [element("span", {}, `… ${hidden.toLocaleString("en")} more`)] : []),
      );
      next.textContent = `end ${lane.end ?? "?"}`;
      track.style.width = `${(lane.records.length + 0.9) * SLOT_PX}px`;
      showBoxes(lane.records);
      place(next, lane.records.length);
      showArrows(lane);
      isFirst = false;
    },
    boxes: () => [...boxes.entries()].sort(([a], [b]) => a - b).map(([, box]) => box),
  };
}

function gapText(gap: number): string {
  if (gap === 0) return "";
  if (gap === 1) return "The offset before this one holds no record any more";
  return `The ${gap} offsets before this one hold no record any more`;
}
