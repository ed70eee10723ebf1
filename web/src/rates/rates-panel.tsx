import { useMemo } from "react";

import { Panel } from "../panel/panel";
import type { Look } from "../chart/emission-figure";
import { EmissionLines } from "../chart/emission-lines";
import type { Theme } from "../chart/marks";
import { DownloadButtons } from "../download/download-buttons";
import type { Snapshot } from "../polling/api";
import { hidden, withKeys, type View } from "../view/view";

interface Props {
  snapshot: Snapshot;
  view: View;
  onView: (view: View) => void;
  theme: Theme;
}

/** The shared chart; what its buttons change is the page's view, and so in its address. */
export function RatesPanel({ snapshot, view, onView, theme }: Props) {
  const { series } = snapshot;
  const { shape, scale, filters } = view;
  const look = useMemo((): Look => ({ shape, scale, hidden: leftOut(series.series, filters.sector) }), [
    series,
    shape,
    scale,
    filters.sector,
  ]);
  const shown = { ...series, series: series.series.filter(({ key }) => !look.hidden.has(key)) };

  function changeLook(next: Look): void {
    const keys = series.series.map(({ key }) => key);
    const pressed = keys.find((key) => next.hidden.has(key) !== look.hidden.has(key));
    const same = { ...view, shape: next.shape, scale: next.scale };
    onView(pressed === undefined ? same : withKeys(same, "sector", hidden(filters.sector, pressed, keys)));
  }

  return (
    <Panel id="rates" title="Emission rate by sector" canFill>
      <EmissionLines payload={series} theme={theme} look={look} onLook={changeLook} />
      <DownloadButtons snapshot={snapshot} shown={shown} />
    </Panel>
  );
}

const leftOut = (lines: readonly { key: string }[], chosen: readonly string[]): ReadonlySet<string> =>
  new Set(chosen.length === 0 ? [] : lines.map(({ key }) => key).filter((key) => !chosen.includes(key)));
