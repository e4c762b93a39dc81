import { memo, useCallback, useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from "react";

import { type Color, piecesOf } from "../../ansi";
import type { LogLine } from "../../project/state";
import { INPUT_CLASS } from "../../ui/field";
import { useRows } from "./rows";
import { Stick } from "./stick";

const COLORS: Record<Color, string> = {
  black: "text-muted",
  red: "text-danger",
  green: "text-accent",
  yellow: "text-chalk",
  blue: "text-[var(--hl-keyword)]",
  magenta: "text-[var(--hl-number)]",
  cyan: "text-[var(--hl-keyword)]",
  white: "text-ink",
};

const ROW_PX = 20;

export interface LogFilter {
  readonly text: string;
  readonly errorsOnly: boolean;
}

export const NO_FILTER: LogFilter = { text: "", errorsOnly: false };

interface LogPaneProps {
  logs: readonly LogLine[];
  filter: LogFilter;
}

/** The output of the app; of a long one only what is seen is drawn. */
export function LogPane({ logs, filter }: LogPaneProps) {
  const wanted = useDeferredValue(filter);
  const lines = useMemo(() => filtered(logs, wanted), [logs, wanted]);
  const scroller = useRef<HTMLDivElement>(null);
  const { from, to } = useRows(scroller, lines.length, ROW_PX);
  const [stick] = useState(() => new Stick());
  const onScroll = useCallback(() => {
    if (scroller.current !== null) stick.scrolled(scroller.current);
  }, [stick]);
  const first = lines[0]?.id ?? 0;
  const last = lines.at(-1)?.id ?? 0;
  const before = useRef({ first, last });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const dropped = first - before.current.first;
    if (stick.stuck && last !== before.current.last) stick.toEnd(element);
    // Old lines were dropped above: what is read stays where it is.
    else if (dropped > 0) element.scrollTop -= dropped * ROW_PX;
    before.current = { first, last };
  }, [stick, first, last]);
  // A pane that was hidden comes back at its beginning.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const resized = new ResizeObserver(() => {
      if (stick.stuck) stick.toEnd(element);
    });
    resized.observe(element);
    return () => resized.disconnect();
  }, [stick]);

  return (
    <div
      ref={scroller}
      role="log"
      aria-live="off"
      aria-label="Output of the app"
      tabIndex={0}
      data-testid="log"
      data-lines={lines.length}
      onScroll={onScroll}
      className="h-full overflow-auto overscroll-contain py-1 [overflow-anchor:none] font-mono text-xs leading-5 outline-offset-[-2px]"
    >
      {lines.length === 0 ? (
        <p className="px-4 py-1 font-sans text-sm text-muted">
          {logs.length === 0
            ? "Output of the installation and of the app appears here as it comes. What came before this page was opened is not kept."
            : "No line fits the filter."}
        </p>
      ) : (
        <div className="relative" style={{ height: lines.length * ROW_PX }}>
          <div className="absolute w-max min-w-full" style={{ top: from * ROW_PX }}>
            {lines.slice(from, to).map((line) => (
              <Line key={line.id} line={line} />
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

interface LogFilterFieldsProps {
  filter: LogFilter;
  setFilter: (filter: LogFilter) => void;
}

export function LogFilterFields({ filter, setFilter }: LogFilterFieldsProps) {
  return (
    <>
      <label className="flex items-center gap-1.5 text-xs whitespace-nowrap">
        <input
          type="checkbox"
          checked={filter.errorsOnly}
          onChange={(event) => setFilter({ ...filter, errorsOnly: event.target.checked })}
          data-testid="log-errors"
          className="size-4 accent-accent"
        />
        stderr only
      </label>
      <div className="w-44 min-w-20">
        <input
          type="search"
          aria-label="Filter the log"
          placeholder="Filter"
          value={filter.text}
          onChange={(event) => setFilter({ ...filter, text: event.target.value })}
          data-testid="log-filter"
          className={`${INPUT_CLASS} h-7 text-xs`}
        />
      </div>
    </>
  );
}

function filtered(logs: readonly LogLine[], { text, errorsOnly }: LogFilter): readonly LogLine[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "" && !errorsOnly) return logs;
  return logs.filter(
    (line) =>
      (!errorsOnly || line.stream === "stderr") && line.text.toLowerCase().includes(wanted),
  );
}

const Line = memo(function Line({ line }: { line: LogLine }) {
  return (
    <p
      data-stream={line.stream}
      className="h-5 px-4 whitespace-pre data-[stream=note]:font-sans data-[stream=note]:text-muted data-[stream=note]:italic data-[stream=stderr]:text-danger"
    >
      {piecesOf(line.text).map((piece, at) => (
        <span
          // oxlint-disable-next-line react/no-array-index-key -- a line never changes
          key={at}
          className={`${piece.color === null ? "" : COLORS[piece.color]} ${piece.bold ? "font-bold" : ""}`}
        >
          {piece.text}
        </span>
      ))}
    </p>
  );
});
