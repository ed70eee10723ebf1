import { useRef, useState, type ReactNode } from "react";

import { useNarrow } from "../view/use-narrow";

interface Props {
  id: string;
  title: string;
  children: ReactNode;
  className?: string;
  /** Whether the panel can fill the screen: for a projector. */
  canFill?: boolean;
  /** Where there is little room, only its title is shown until it is pressed. */
  folds?: boolean;
}

/** A titled part of the page. "Explain this page" finds it by its id. */
export function Panel({ id, title, children, className = "", canFill = false, folds = false }: Props) {
  const section = useRef<HTMLElement>(null);
  const narrow = useNarrow();
  const [unfolded, setUnfolded] = useState(false);
  const isFolded = folds && narrow && !unfolded;
  return (
    <section ref={section} id={id} className={`panel ${className}`} data-folded={isFolded} aria-labelledby={`${id}-title`}>
      <div className="panel-top">
        <h2 id={`${id}-title`}>
          {folds && narrow ? (
            <button
              type="button"
              className="fold"
              aria-expanded={unfolded}
              onClick={() => {
                setUnfolded(!unfolded);
              }}
            >
              {title}
            </button>
          ) : (
            title
          )}
        </h2>
        {canFill && document.fullscreenEnabled && (
          <button
            type="button"
            className="button small"
            onClick={() => {
              if (document.fullscreenElement) void document.exitFullscreen();
              else void section.current?.requestFullscreen();
            }}
          >
            Full screen
          </button>
        )}
      </div>
      {!isFolded && children}
    </section>
  );
}
