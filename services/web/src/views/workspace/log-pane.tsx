import { memo } from "react";

import { type Color, piecesOf } from "../../ansi";
import { count, type LogLine } from "../../state";
import { useStickToEnd } from "./stick";

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

/** Lines are drawn in blocks, so that a new line does not touch the old ones. */
const BLOCK = 100;

export function LogPane({ logs }: { logs: readonly LogLine[] }) {
  const { ref } = useStickToEnd<HTMLDivElement>();
  const errors = logs.filter((line) => line.stream === "stderr").length;
  return (
    <section aria-label="Log" className="flex h-full flex-col bg-surface">
      <h2 className="flex h-9 shrink-0 items-center gap-2 border-b border-line px-4 text-sm font-semibold">
        Log
        {logs.length > 0 && (
          <span className="font-normal text-muted tabular-nums">
            {count(logs.length, "line")}{errors > 0 && `, ${errors} on stderr`}
          </span>
        )}
      </h2>
      <div
        ref={ref}
        role="log"
        aria-live="off"
        aria-label="Output of the app"
        tabIndex={0}
        data-testid="log"
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-4 py-2 font-mono text-xs leading-5 outline-offset-[-2px]"
      >
        {logs.length === 0 ? (
          <p className="font-sans text-sm text-muted">
            Output of the installation and of the app appears here as it comes.
          </p>
        ) : (
          blocksOf(logs).map((lines) => <Block key={lines[0]?.id} lines={lines} />)
        )}
      </div>
    </section>
  );
}

const Block = memo(
  function Block({ lines }: { lines: readonly LogLine[] }) {
    return lines.map((line) => (
      <p
        key={line.id}
        data-stream={line.stream}
        className="min-h-5 break-words whitespace-pre-wrap data-[stream=stderr]:text-danger"
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
    ));
  },
  (a, b) => a.lines.length === b.lines.length && a.lines[0]?.id === b.lines[0]?.id,
);

/** Cut at fixed ids, so that a block stays the same when lines are dropped before it. */
function blocksOf(logs: readonly LogLine[]): LogLine[][] {
  const blocks: LogLine[][] = [];
  let current = -1;
  for (const line of logs) {
    const number = Math.floor(line.id / BLOCK);
    if (number !== current) blocks.push([]);
    current = number;
    blocks.at(-1)?.push(line);
  }
  return blocks;
}
