import { element } from "../chart/dom";

export interface Broker {
  node_id: number;
  state: "running" | "frozen" | "dead";
  sign: string;
  address: string;
  controller: string;
  leads: string;
  holds: { partition: number; role: "leader" | "in sync" | "behind" }[];
  buttons: Button[];
}

interface Button {
  verb: string;
  label: string;
  enabled: boolean;
  hidden: boolean;
  /** What is about to happen, or why it cannot. */
  about: string;
}

export interface BrokerCard {
  element: HTMLLIElement;
  show(broker: Broker, busy: boolean): void;
}

interface Actions {
  explain: (text: string) => void;
  press: (verb: string) => void;
}

const ROLE_SIGNS = { leader: "★", "in sync": "✓", behind: "…" };

/** One broker: how it is, which partitions it holds and as what, and what can be done to it. */
export function createBrokerCard(broker: Broker, actions: Actions): BrokerCard {
  const name = element("span", { className: "labkit-broker-name" }, `Broker ${broker.node_id}`);
  const state = element("span", { className: "labkit-broker-state" });
  const note = element("span", { className: "labkit-broker-note" });
  const holds = element("ul", { className: "labkit-holds" });
  const buttons = broker.buttons.map((one) => createButton(one, actions));
  const row = element("div", { className: "labkit-buttons", role: "group" });
  row.setAttribute("aria-label", `Broker ${broker.node_id}`);
  row.append(...buttons.map((one) => one.element));
  const card = element(
    "li",
    { className: "labkit-broker" },
    element("p", { className: "labkit-broker-head" }, name, state, note),
    holds,
    row,
  );
  return {
    element: card,
    show(next, busy) {
      card.dataset.state = next.state;
      state.textContent = `${next.sign} ${next.state}`;
      note.textContent = [next.address, next.controller && `⚑ ${next.controller}`].filter(Boolean).join(" · ");
      holds.replaceChildren(
        ...next.holds.map(({ partition, role }) => {
          const hold = element("li", { className: "labkit-hold" }, `${ROLE_SIGNS[role]} p${partition} ${role}`);
          hold.dataset.role = role;
          return hold;
        }),
      );
      row.hidden = next.buttons.every((one) => one.hidden);
      next.buttons.forEach((one, place) => buttons[place]?.show(one, busy));
    },
  };
}

/**
 * A button that says beforehand what it does. Where it makes no sense it is `aria-disabled` rather
 * than `disabled`, so that the keyboard can still reach it and read why.
 */
function createButton({ verb }: Button, { explain, press }: Actions) {
  const button = element("button", { type: "button" });
  let latest: Button | undefined;
  let idle = true;
  const tell = () => {
    explain(latest?.about ?? "");
  };
  const untell = () => {
    explain("");
  };
  button.addEventListener("pointerenter", tell);
  button.addEventListener("focus", tell);
  button.addEventListener("pointerleave", untell);
  button.addEventListener("blur", untell);
  button.addEventListener("click", () => {
    if (latest?.enabled && idle) press(verb);
  });
  return {
    element: button,
    show(next: Button, busy: boolean) {
      latest = next;
      idle = !busy;
      button.textContent = next.label;
      button.title = next.about;
      button.setAttribute("aria-disabled", String(busy || !next.enabled));
    },
  };
}
