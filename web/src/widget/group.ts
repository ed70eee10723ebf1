import { element } from "../chart/dom";
import { COLOURS, type Theme } from "../chart/marks";
import { follow, followKernel, followTheme, hostTheme, type RenderProps } from "./host";
import { cellKey, cellsOf, columnsOf, isAssigned, shortId, type Column, type MatrixSnapshot, type Member } from "./matrix";
import { createSentence } from "./sentence";
import "./group.css";

interface Traits {
  snapshot: MatrixSnapshot;
}

/** Who reads what: members as rows, partitions as columns. The matrix is a table, and so its own text. */
function render({ model, el }: RenderProps<Traits>): () => void {
  let theme: Theme = hostTheme();
  const title = element("h3");
  const badge = element("p", { className: "labkit-group-state" });
  const sentence = createSentence("labkit-sentence");
  const table = element("table", { className: "labkit-matrix" });
  const scroll = element("div", { className: "labkit-matrix-scroll", tabIndex: 0, role: "group" }, table);
  scroll.setAttribute("aria-label", "Members and their partitions");
  const state = element("p", { className: "labkit-state" });
  el.classList.add("labkit-widget");
  el.append(title, badge, scroll, sentence.element, state);
  let before: Set<string> | undefined;

  function show(snapshot: MatrixSnapshot): void {
    const { group_state, meaning, assignor } = snapshot;
    title.textContent = snapshot.title;
    badge.dataset.state = group_state;
    badge.replaceChildren(
      element("b", {}, group_state || "not known"),
      meaning === "" ? "" : `: ${meaning}`,
      assignor === "" ? "" : `. Assignor: ${assignor}`,
    );
    // Problems come first, in the same place as the figures.
    sentence.say(snapshot.fresh ? snapshot.sentence : snapshot.state);
    state.textContent = snapshot.fresh ? snapshot.state : "What is shown is the last that was known.";
    scroll.classList.toggle("labkit-stale", !snapshot.fresh);
    table.replaceChildren(...matrixOf(snapshot, theme, before));
    before = cellsOf(snapshot);
  }

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

function matrixOf(snapshot: MatrixSnapshot, theme: Theme, before: Set<string> | undefined): Node[] {
  const columns = columnsOf(snapshot);
  const heads = columns.map(({ partition, isUnassigned }) => {
    const head = element("th", { scope: "col", className: "labkit-cell" }, `p${partition}`);
    if (isUnassigned) head.append(element("span", { className: "labkit-nobody" }, "nobody"));
    return head;
  });
  const topics = snapshot.topics.map(({ topic, partitions }) =>
    element("th", { scope: "colgroup", colSpan: partitions }, topic),
  );
  const rows = snapshot.members.map((member) => rowOf(member, columns, theme, before));
  const who = element("th", { scope: "col", rowSpan: 2 }, "member");
  return [
    element("thead", {}, element("tr", {}, who, ...topics), element("tr", {}, ...heads)),
    element("tbody", {}, ...(rows.length > 0 ? rows : [noMember(columns.length)])),
  ];
}

function rowOf(member: Member, columns: Column[], theme: Theme, before: Set<string> | undefined): HTMLTableRowElement {
  const { letter, name, host, member_id, idle } = member;
  const head = element(
    "th",
    { scope: "row", title: member_id },
    element("b", {}, letter),
    ` ${name} ${shortId(member_id)}`,
    element("span", { className: "labkit-note" }, ` from ${host}`),
  );
  if (idle !== "") head.append(element("span", { className: "labkit-idle" }, idle));
  const cells = columns.map((column) => {
    const cell = element("td", { className: "labkit-cell" });
    if (!isAssigned(member, column)) return cell;
    const colours = COLOURS[theme];
    const fill = element("span", { className: "labkit-filled" }, letter);
    fill.style.setProperty("--labkit-colour", colours[member.place % colours.length] ?? "");
    if (before !== undefined && !before.has(cellKey(member, column))) fill.classList.add("labkit-given");
    cell.append(fill);
    return cell;
  });
  return element("tr", {}, head, ...cells);
}

function noMember(columns: number): HTMLTableRowElement {
  return element("tr", {}, element("td", { colSpan: columns + 1 }, "no member"));
}

export default { render };
