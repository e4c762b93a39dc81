import { type RefObject, useLayoutEffect, useState } from "react";

/** So many rows beyond the edges are drawn, so that scrolling shows no gap. */
const MARGIN = 12;

/** Which of *count* rows of equal height are to be drawn: from *from* up to before *to*. */
export function useRows(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  rowPx: number,
): { from: number; to: number } {
  const [seen, setSeen] = useState({ first: 0, last: 40 });

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const measure = () => {
      const first = Math.floor(element.scrollTop / rowPx);
      const last = Math.ceil((element.scrollTop + element.clientHeight) / rowPx);
      setSeen((old) => (old.first === first && old.last === last ? old : { first, last }));
    };
    measure();
    const resized = new ResizeObserver(measure);
    resized.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, [scroller, rowPx]);

  const to = Math.min(count, seen.last + MARGIN);
  return { from: Math.max(0, Math.min(seen.first - MARGIN, to)), to };
}
