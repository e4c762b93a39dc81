/** How the files of one moment differ from those of another. */

import type { FileEntry } from "./state";

export interface Difference {
  readonly path: string;
  readonly change: "added" | "changed" | "removed";
  /** Lines that are there later and were not before. */
  readonly added: number;
  readonly removed: number;
}

type Files = ReadonlyMap<string, FileEntry>;

/** What has changed from *before* to *after*, by path. */
export function differenceOf(before: Files, after: Files): Difference[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return paths.flatMap((path) => {
    const old = before.get(path)?.recorded ?? null;
    const now = after.get(path)?.recorded ?? null;
    if (old === now) return [];
    const change = old === null ? "added" : now === null ? "removed" : "changed";
    return [{ path, change, ...lineChanges(old ?? "", now ?? "") } as const];
  });
}

/** Lines that only one of the texts has; moved ones count as none. */
export function lineChanges(before: string, after: string): { added: number; removed: number } {
  const counts = new Map<string, number>();
  for (const line of linesOf(before)) counts.set(line, (counts.get(line) ?? 0) - 1);
  for (const line of linesOf(after)) counts.set(line, (counts.get(line) ?? 0) + 1);
  let added = 0;
  let removed = 0;
  for (const balance of counts.values()) {
    if (balance > 0) added += balance;
    else removed -= balance;
  }
  return { added, removed };
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  return text.replace(/\n$/, "").split("\n");
}
