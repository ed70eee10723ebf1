interface Props<T extends string | number> {
  /** What is chosen, in a word or two before the choices. */
  legend: string;
  /** The group of the radio buttons: one is checked in each. */
  name: string;
  choices: readonly T[];
  wordsOf: (choice: T) => string;
  chosen: T;
  onChange: (choice: T) => void;
}

/** One of several, side by side: real radio buttons, so that the arrow keys work. */
export function Segments<T extends string | number>({ legend, name, choices, wordsOf, chosen, onChange }: Props<T>) {
  return (
    <fieldset className="segments">
      <legend>{legend}</legend>
      {choices.map((choice) => (
        <label key={choice}>
          <input
            type="radio"
            name={name}
            checked={choice === chosen}
            onChange={() => {
              onChange(choice);
            }}
          />
          <span>{wordsOf(choice)}</span>
        </label>
      ))}
    </fieldset>
  );
}
