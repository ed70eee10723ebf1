import { useEffect, useRef, useState, type ReactNode } from "react";

/** A wide table that scrolls sideways, and says so where a part of it is not seen. */
export function Scrolls({ label, children }: { label: string; children: ReactNode }) {
  const element = useRef<HTMLDivElement>(null);
  const [isCut, setIsCut] = useState(false);
  useEffect(() => {
    const box = element.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => {
      setIsCut(box.scrollWidth > box.clientWidth + 1);
    });
    observer.observe(box);
    for (const child of box.children) observer.observe(child);
    return () => {
      observer.disconnect();
    };
  }, []);
  return (
    <>
      {isCut && <p className="note scroll-hint">Scroll the table sideways for more columns →</p>}
      <div ref={element} className="scrolls" tabIndex={0} role="group" aria-label={label}>
        {children}
      </div>
    </>
  );
}
