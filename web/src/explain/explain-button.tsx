import { useEffect, useRef, useState } from "react";

import { EXPLANATIONS, type Explanation } from "./explanations";

/** A guided tour over the page: one part at a time is brought into view, marked, and explained. */
export function ExplainButton() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="button"
        onClick={() => {
          setOpen(true);
        }}
      >
        Explain this page
      </button>
      {open && (
        <Tour
          onClose={() => {
            setOpen(false);
          }}
        />
      )}
    </>
  );
}

function Tour({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Only what is on the page now: without a followed reading there is no waterfall, for example.
  const [parts] = useState(() => EXPLANATIONS.filter(({ id }) => document.getElementById(id) !== null));
  const [place, setPlace] = useState(0);
  const part = parts[place];

  useEffect(() => {
    // A modal dialog keeps the focus inside, closes with Esc, and gives the focus back: the browser does all of it.
    dialog.current?.showModal();
  }, []);
  useEffect(() => {
    // Its buttons have the focus and are at its bottom: a phone would scroll to the end of the text.
    dialog.current?.scrollTo({ top: 0 });
    return mark(part?.id);
  }, [part]);

  const last = place >= parts.length - 1;
  return (
    <dialog ref={dialog} className="tour" aria-labelledby="tour-title" onClose={onClose}>
      {part ? <Text part={part} count={`${place + 1} of ${parts.length}`} /> : <Nothing />}
      <div className="tour-buttons">
        <button
          type="button"
          className="button"
          disabled={place === 0}
          onClick={() => {
            setPlace(place - 1);
          }}
        >
          Back
        </button>
        <button
          type="button"
          className="button strong"
          autoFocus
          onClick={() => {
            if (last) dialog.current?.close();
            else setPlace(place + 1);
          }}
        >
          {last ? "Done" : "Next"}
        </button>
        <button type="button" className="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}

function Text({ part, count }: { part: Explanation; count: string }) {
  return (
    <div aria-live="polite">
      <p className="note">{count}</p>
      <h2 id="tour-title">{part.title}</h2>
      <dl>
        <dt>What it shows</dt>
        <dd>{part.shows}</dd>
        <dt>How to read it</dt>
        <dd>{part.read}</dd>
        <dt>What would be alarming</dt>
        <dd>{part.alarming}</dd>
        <dt>Where it comes from</dt>
        <dd>{part.stage}</dd>
      </dl>
    </div>
  );
}

function Nothing() {
  return <h2 id="tour-title">There is nothing to explain before the first reading has arrived.</h2>;
}

/** Bring a part of the page into view and mark it; returns a function that removes the mark. */
function mark(id: string | undefined): (() => void) | undefined {
  const element = id === undefined ? null : document.getElementById(id);
  if (element === null) return undefined;
  element.dataset.explained = "true";
  element.scrollIntoView({ block: "start" });
  return () => {
    delete element.dataset.explained;
  };
}
