import { element, tableHead, tableRow } from "../chart/dom";
import { createSentence } from "./sentence";
import { follow, followKernel, followTheme, type RenderProps } from "./host";
import "./figures.css";

interface Traits {
  snapshot: {
    title: string;
    state: string;
    sentence: string;
    /** Each figure: its name, its value, and what it is. */
    rows: [string, string, string][];
  };
}

/** What the producer of a panel does, in figures: the controls above are of ipywidgets. */
function render({ model, el }: RenderProps<Traits>): () => void {
  const title = element("h3");
  const state = element("p", { className: "labkit-state" });
  const sentence = createSentence("labkit-sentence");
  const table = element("table", { className: "labkit-table labkit-figures" });
  el.classList.add("labkit-widget");
  el.append(title, state, sentence.element, table);

  const endings = [
    followKernel(model, el),
    followTheme(el, () => undefined),
    follow(model, "snapshot", (snapshot) => {
      title.textContent = snapshot.title;
      state.textContent = snapshot.state;
      sentence.say(snapshot.sentence);
      const rows = snapshot.rows.map(([name, value, about]) => tableRow(name, [value, about]));
      table.hidden = rows.length === 0;
      table.replaceChildren(tableHead(["figure", "now", "what it is"]), element("tbody", {}, ...rows));
    }),
  ];
  return () => {
    for (const end of endings) end();
    sentence.destroy();
  };
}

export default { render };
