import type { Snapshot } from "../polling/api";
import type { Poll } from "../polling/use-poll";
import { noticeOf } from "./notices";
import { useNow } from "./use-now";

interface Props {
  poll: Poll<Snapshot>;
  paused: boolean;
  /** Called to clear the filters when they let nothing through. */
  onShowEverything: () => void;
}

/**
 * What is wrong, if anything is. The region is always there, because a screen
 * reader announces only what changes inside a live region that it knows already. Ages are kept
 * out of what is announced: they would be read out every second. The clock ticks in here, so that the rest
 * of the page is not rendered again each second.
 */
export function StatusNotice({ poll, paused, onShowEverything }: Props) {
  const notice = noticeOf(poll, paused, useNow(1000));
  return (
    <>
      <p className="unseen" role="status" aria-live="polite">
        {notice === null ? "Readings are coming in." : notice.title}
      </p>
      {notice && (
        <section className="notice" data-kind={notice.kind} aria-label={notice.title}>
          <h2>{notice.title}</h2>
          <p>
            {notice.text}{" "}
            {notice.kind === "filtered" && (
              <button type="button" className="link" onClick={onShowEverything}>
                show everything
              </button>
            )}
          </p>
          {notice.commands.map(({ where, line }) => (
            <p className="command" key={line}>
              <span>{where}</span>
              <code>{line}</code>
            </p>
          ))}
        </section>
      )}
    </>
  );
}
