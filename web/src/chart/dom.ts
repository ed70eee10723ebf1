type Child = Node | string;

/** Make an element: `element("p", { className: "note" }, "text")`. Text is never read as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Set a text if it has changed: setting the same one again would still cost a layout. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Make a table's row; the first cell names the row, the others are figures. */
export function tableRow(name: Child, figures: Child[]): HTMLTableRowElement {
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    ...figures.map((figure) => element("td", {}, figure)),
  );
}

export function tableHead(columns: string[]): HTMLTableSectionElement {
  const cells = columns.map((column) => element("th", { scope: "col" }, column));
  return element("thead", {}, element("tr", {}, ...cells));
}
