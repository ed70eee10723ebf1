import { useRef, type ReactNode } from "react";

interface Props {
  id: string;
  title: string;
  children: ReactNode;
  /** Shown beside the title, such as downloads. */
  tools?: ReactNode;
  className?: string;
  /** Whether the panel can fill the screen: for a projector. */
  canFill?: boolean;
}

/** A titled part of the page. "Explain this page" finds it by its id. */
export function Panel({ id, title, children, tools, className = "", canFill = false }: Props) {
  const section = useRef<HTMLElement>(null);
  return (
    <section ref={section} id={id} className={`panel ${className}`} aria-labelledby={`${id}-title`}>
      <div className="panel-top">
        <h2 id={`${id}-title`}>{title}</h2>
        <div className="tools">
          {tools}
          {canFill && document.fullscreenEnabled && (
            <button
              type="button"
              className="link"
              onClick={() => {
                if (document.fullscreenElement) void document.exitFullscreen();
                else void section.current?.requestFullscreen();
              }}
            >
              Full screen
            </button>
          )}
        </div>
      </div>
      {children}
    </section>
  );
}
