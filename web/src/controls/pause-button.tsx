interface Props {
  paused: boolean;
  onChange: (paused: boolean) => void;
  /** Ask once, and stay paused. */
  onStep: () => void;
}

export function PauseButton({ paused, onChange, onStep }: Props) {
  return (
    <>
      <button
        type="button"
        className="button"
        onClick={() => {
          onChange(!paused);
        }}
      >
        {paused ? "Resume" : "Pause"}
      </button>
      {paused && (
        <button type="button" className="button" onClick={onStep} title="Ask the API once">
          Step
        </button>
      )}
    </>
  );
}
