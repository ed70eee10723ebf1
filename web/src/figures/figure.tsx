import type { ReactNode } from "react";

interface Props {
  title: string;
  value: string;
  /** The number as the API gave it; the text beside it is rounded for reading. */
  machineValue: number | null;
  unit: string;
  note: ReactNode;
}

export function Figure({ title, value, machineValue, unit, note }: Props) {
  return (
    <div className="panel figure">
      <h2>{title}</h2>
      <p className="figure-value">
        <data value={machineValue ?? ""}>{value}</data> <span className="unit">{unit}</span>
      </p>
      <p className="note">{note}</p>
    </div>
  );
}
