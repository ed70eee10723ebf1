interface Props {
  paused: boolean;
  onChange: (paused: boolean) => void;
}

export function PauseButton({ paused, onChange }: Props) {
  return (
    <button
      type="button"
      className="button"
      onClick={() => {
        onChange(!paused);
      }}
    >
      {paused ? "Resume" : "Pause"}
    </button>
  );
}
