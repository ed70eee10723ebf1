const WINDOWS_MIN = [1, 5, 15, 60];

interface Props {
  windowS: number;
  onChange: (windowS: number) => void;
}

/** How far back the charts look: real radio buttons, so that the arrow keys work. */
export function WindowSelector({ windowS, onChange }: Props) {
  return (
    <fieldset className="segments">
      <legend>Last</legend>
      {WINDOWS_MIN.map((minutes) => (
        <label key={minutes}>
          <input
            type="radio"
            name="window"
            checked={windowS === minutes * 60}
            onChange={() => {
              onChange(minutes * 60);
            }}
          />
          <span>{minutes} min</span>
        </label>
      ))}
    </fieldset>
  );
}
