import type { Dashboard } from "../polling/answers";
import {
  DIMENSION_NAMES,
  DIMENSIONS,
  isFiltered,
  pressed,
  withKeys,
  withoutFilters,
  type Dimension,
  type View,
} from "../view/view";

interface Props {
  view: View;
  choices: Dashboard["choices"] | undefined;
  onChange: (view: View) => void;
}

/** What the page is limited to: a button for each value, which removes it. */
export function FilterChips({ view, choices, onChange }: Props) {
  if (!isFiltered(view.filters)) return null;
  const label = (name: Dimension, key: string) =>
    choices?.[name].find((one) => one.key === key)?.label ?? key;
  return (
    <section className="chips" aria-label="Filters">
      <span className="chips-title">Only</span>
      {DIMENSIONS.flatMap((name) =>
        view.filters[name].map((key) => (
          <button
            type="button"
            className="chip"
            key={`${name} ${key}`}
            aria-label={`Remove the filter ${DIMENSION_NAMES[name]} ${label(name, key)}`}
            onClick={() => {
              onChange(withKeys(view, name, pressed(view.filters[name], key)));
            }}
          >
            <span className="chip-name">{DIMENSION_NAMES[name]}</span> {label(name, key)}{" "}
            <span aria-hidden="true">✕</span>
          </button>
        )),
      )}
      <button
        type="button"
        className="button"
        onClick={() => {
          onChange(withoutFilters(view));
        }}
      >
        Show everything
      </button>
    </section>
  );
}
