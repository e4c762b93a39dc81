/**
 * What an app has said, kept for this tab while the page is loaded again.
 *
 * The server shows output and forgets it.
 */

import { recall, remember } from "../memory";
import type { LogLine } from "./state";

const PREFIX = "atelier.log.";
/** So much of the end is kept, in characters: browsers give a page few megabytes. */
export const MAX_KEPT = 200_000;

export function keepLog(projectId: string, lines: readonly LogLine[]): void {
  remember(PREFIX + projectId, endOf(lines), "tab");
}

export function keptLog(projectId: string): readonly LogLine[] {
  const kept = recall(PREFIX + projectId, "tab");
  return Array.isArray(kept) ? kept.filter(isLine) : [];
}

/** Forgets the output of all apps, such as when somebody signs out. */
export function forgetLogs(): void {
  const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
  for (const key of keys) sessionStorage.removeItem(key);
}

function endOf(lines: readonly LogLine[]): readonly LogLine[] {
  let size = 0;
  const first = lines.findLastIndex(({ text }) => (size += text.length) > MAX_KEPT);
  return lines.slice(first + 1);
}

function isLine(value: unknown): value is LogLine {
  if (typeof value !== "object" || value === null) return false;
  const { id, stream, text, seq } = value as Record<string, unknown>;
  return (
    typeof id === "number" &&
    typeof seq === "number" &&
    typeof text === "string" &&
    (stream === "stdout" || stream === "stderr" || stream === "note")
  );
}
