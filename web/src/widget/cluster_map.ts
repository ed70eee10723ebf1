import { element, tableHead, tableRow } from "../chart/dom";
import { createSentence } from "./sentence";
import { createBrokerCard, type Broker, type BrokerCard } from "./broker-card";
import { follow, followKernel, followTheme, type RenderProps } from "./host";
import "./cluster_map.css";

interface Partition {
  partition: number;
  leader: number | null;
  replicas: number[];
  isr: number[];
}

interface Traits {
  snapshot: {
    title: string;
    state: string;
    sentence: string;
    /** An action is running: no button takes another press until it ends. */
    busy: boolean;
    brokers: Broker[];
    partitions: Partition[];
    events: { at: string; text: string }[];
  };
}

const HINT = "Point at a button, or go to it with Tab, to read here what it does.";

/** The lab's brokers, what each of them holds, and buttons to break and restart them. */
function render({ model, el }: RenderProps<Traits>): () => void {
  const title = element("h3");
  const state = element("p", { className: "labkit-state" });
  const sentence = createSentence("labkit-sentence");
  const cards = element("ul", { className: "labkit-brokers" });
  const about = element("p", { className: "labkit-about" }, HINT);
  const events = element("ol", { className: "labkit-events" });
  const table = element("table", { className: "labkit-table" });
  state.setAttribute("role", "status");
  el.classList.add("labkit-widget");
  el.append(title, sentence.element, cards, about, state);
  el.append(element("h4", {}, "What happened last"), events);
  el.append(element("details", {}, element("summary", {}, "The partitions as a table"), table));
  // Kept from update to update, so that the keyboard's focus stays on the button it is on.
  const shown = new Map<number, BrokerCard>();

  function showBrokers({ brokers, busy }: Traits["snapshot"]): void {
    for (const [nodeId, card] of shown) {
      if (!brokers.some(({ node_id }) => node_id === nodeId)) {
        card.element.remove();
        shown.delete(nodeId);
      }
    }
    for (const broker of brokers) {
      let card = shown.get(broker.node_id);
      if (card === undefined) {
        card = createBrokerCard(broker, {
          explain: (text) => {
            about.textContent = text || HINT;
          },
          press: (verb) => {
            model.send({ verb, node_id: broker.node_id });
          },
        });
        shown.set(broker.node_id, card);
        cards.append(card.element);
      }
      card.show(broker, busy);
    }
  }

  const endings = [
    followKernel(model, el),
    followTheme(el, () => undefined),
    follow(model, "snapshot", (snapshot) => {
      title.textContent = snapshot.title;
      state.textContent = snapshot.state;
      sentence.say(snapshot.sentence);
      showBrokers(snapshot);
      about.hidden = snapshot.brokers.every((broker) => broker.buttons.every((one) => one.hidden));
      const happened = snapshot.events.map(({ at, text }) =>
        element("li", {}, element("time", {}, at), text),
      );
      events.replaceChildren(...(happened.length ? happened : [element("li", {}, "Nothing yet.")]));
      table.replaceChildren(...tableOf(snapshot.partitions));
    }),
  ];
  return () => {
    for (const end of endings) end();
    sentence.destroy();
  };
}

function tableOf(partitions: Partition[]): Node[] {
  const rows = partitions.map(({ partition, leader, replicas, isr }) =>
    tableRow(String(partition), [
      leader === null ? "none" : String(leader),
      replicas.join(", "),
      isr.join(", ") || "none",
    ]),
  );
  return [tableHead(["partition", "leader", "replicas", "in sync"]), element("tbody", {}, ...rows)];
}

export default { render };
