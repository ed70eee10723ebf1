import { useCallback, useState } from "react";

import { EmissionLines } from "../chart/emission-lines";
import { PauseButton } from "../controls/pause-button";
import { ThemeButton } from "../controls/theme-button";
import { useTheme } from "../controls/use-theme";
import { WindowSelector } from "../controls/window-selector";
import { HeadlineFigures } from "../figures/headline-figures";
import { PipelineStrip } from "../pipeline/pipeline-strip";
import { loadSnapshot } from "../polling/api";
import { usePoll } from "../polling/use-poll";
import { Freshness } from "../status/freshness";
import { StatusNotice } from "../status/status-notice";
import { noticeOf } from "../status/notices";
import { useNow } from "../status/use-now";
import { TotalsPanel } from "../totals/totals-panel";

const POLL_EVERY_MS = 2000;
const POLL_TIMEOUT_MS = 8000;

export function App() {
  const [windowS, setWindowS] = useState(300);
  const [paused, setPaused] = useState(false);
  const [theme, toggleTheme] = useTheme();
  const load = useCallback((signal: AbortSignal) => loadSnapshot(windowS, signal), [windowS]);
  const poll = usePoll(load, { everyMs: POLL_EVERY_MS, timeoutMs: POLL_TIMEOUT_MS, paused });
  const notice = noticeOf(poll, paused, useNow(1000));
  const snapshot = poll.data;

  return (
    <>
      <header className="top">
        <div>
          <div className="title">
            <h1>CO₂ live</h1>
            <Freshness poll={poll} paused={paused} />
          </div>
          <p>What simulated plants emit, seconds after each reading passed through Kafka.</p>
        </div>
        <div className="controls">
          <WindowSelector windowS={windowS} onChange={setWindowS} />
          <PauseButton paused={paused} onChange={setPaused} />
          <ThemeButton theme={theme} onToggle={toggleTheme} />
        </div>
      </header>
      <main>
        <StatusNotice notice={notice} />
        {snapshot && snapshot.health.rows > 0 && (
          <div className="board" data-aged={notice !== null && notice.kind !== "warning"}>
            <HeadlineFigures snapshot={snapshot} />
            <section className="panel" aria-labelledby="lines-title">
              <h2 id="lines-title">Emission rate by sector</h2>
              <p className="how">
                Each line is one sector: how many tonnes of CO₂ its plants would emit if they went
                on like this for an hour. New readings come in on the right. Press a name to hide
                its line, or switch the scale to see large and small sectors at once.
              </p>
              <EmissionLines payload={snapshot.series} theme={theme} />
            </section>
            <div className="pair">
              <TotalsPanel name="country" totals={snapshot.recent.by_country} windowS={windowS} />
              <div className="stack">
                <TotalsPanel name="fuel" totals={snapshot.recent.by_fuel} windowS={windowS} />
                <PipelineStrip snapshot={snapshot} />
              </div>
            </div>
          </div>
        )}
      </main>
      <footer>
        <p>
          This page asks the lab’s API every two seconds. <a href="api/docs">Try the API yourself</a>
          . All plants and readings are simulated; the emission factors are published ones.
        </p>
      </footer>
    </>
  );
}
