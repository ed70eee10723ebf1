import type { ReactNode } from "react";

import type { Notice } from "./notices";

/**
 * The state of things, where it is not simply well. The region is always there, because a screen
 * reader announces only what changes inside a live region that it knows already. Ages are kept
 * out of what is announced: they would be read out every second.
 */
export function StatusNotice({ notice, wayOut }: { notice: Notice | null; wayOut?: ReactNode }) {
  return (
    <>
      <p className="unseen" role="status" aria-live="polite">
        {notice === null ? "Readings are coming in." : notice.title}
      </p>
      {notice && (
        <section className="notice" data-kind={notice.kind} aria-label={notice.title}>
          <h2>{notice.title}</h2>
          <p>
            {notice.text} {wayOut}
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
