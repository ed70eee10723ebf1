import { useState } from "react";

import { FilterChips } from "../controls/filter-chips";
import { PauseButton } from "../controls/pause-button";
import { ThemeButton } from "../controls/theme-button";
import { useTheme } from "../controls/use-theme";
import { WindowSelector } from "../controls/window-selector";
import { ExplainButton } from "../explain/explain-button";
import { snapshotLoader, type Snapshot } from "../polling/api";
import { usePoll } from "../polling/use-poll";
import { DataTime } from "../status/data-time";
import { Freshness } from "../status/freshness";
import { StatusNotice } from "../status/status-notice";
import { IN_NOTEBOOK } from "../view/frame";
import { useView } from "../view/use-view";
import { withoutFilters } from "../view/view";
import { Board } from "./board";

const POLL_EVERY_MS = 2000;
const POLL_TIMEOUT_MS = 8000;

/** Readings have come, and their first whole interval is not there yet: a matter of a second. */
function waitsForFirstPoint({ health, series }: Snapshot): boolean {
  const lines = series.series.map((line) => line.values);
  return health.rows > 0 && lines.length > 0 && lines.flat().every((value) => value === null);
}

export function App() {
  const [view, setView] = useView();
  const [paused, setPaused] = useState(false);
  const [theme, toggleTheme] = useTheme();
  const [loadSnapshot] = useState(snapshotLoader);
  // Shape and scale are in the view too, but no answer depends on them, so they need no new request.
  const question = { windowS: view.windowS, filters: view.filters };
  const poll = usePoll(question, (signal) => loadSnapshot(view, signal), {
    everyMs: POLL_EVERY_MS,
    isWaiting: waitsForFirstPoint,
    timeoutMs: POLL_TIMEOUT_MS,
    // Each request to an API that is gone is an error in the log of the Jupyter server.
    slowsDown: IN_NOTEBOOK,
    paused,
  });
  const snapshot = poll.data;

  return (
    <>
      <header className="top">
        <div className="title">
          <h1>CO₂ live</h1>
          <Freshness poll={poll} paused={paused} />
          {snapshot && <DataTime snapshot={snapshot} />}
        </div>
        <div className="controls">
          <WindowSelector
            windowS={view.windowS}
            onChange={(seconds) => {
              setView({ ...view, windowS: seconds });
            }}
          />
          <PauseButton paused={paused} onChange={setPaused} onStep={poll.step} />
          <ExplainButton />
          {!IN_NOTEBOOK && <ThemeButton theme={theme} onToggle={toggleTheme} />}
        </div>
      </header>
      <main>
        <StatusNotice
          poll={poll}
          paused={paused}
          onShowEverything={() => {
            setView(withoutFilters(view));
          }}
        />
        <FilterChips view={view} choices={snapshot?.choices} onChange={setView} />
        {snapshot && snapshot.health.rows > 0 && (
          <div className="board" data-aged={paused || poll.error !== undefined}>
            <Board snapshot={snapshot} view={view} onView={setView} theme={theme} paused={paused} />
          </div>
        )}
      </main>
      <footer>
        <p>
          This page shows what simulated plants emit, seconds after each reading has passed through Kafka. It asks the
          lab’s API every two seconds: <a href="api/docs">try the API yourself</a>. The emission factors are published
          ones.
        </p>
      </footer>
    </>
  );
}
