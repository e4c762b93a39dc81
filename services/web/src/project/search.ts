/** Finds text in files, line by line. */

export interface SearchOptions {
  readonly caseSensitive: boolean;
  readonly wholeWord: boolean;
  readonly regularExpression: boolean;
}

export interface Match {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  readonly length: number;
  /** The line, cut where it is long; *shownAt* is where the match begins in it. */
  readonly text: string;
  readonly shownAt: number;
}

export interface Found {
  readonly matches: readonly Match[];
  /** There are more than are told. */
  readonly more: boolean;
  /** Why there is no answer. */
  readonly problem: string | null;
}

export const MAX_MATCHES = 1_000;
/** Longer lines are of machines; an expression could take for ever on them. */
const MAX_LINE = 2_000;
const BEFORE = 14;
const SHOWN = 200;
/** Typing goes on meanwhile: an expression that is slower than this is given up. */
const BUDGET_MS = 400;

export const NOTHING: Found = { matches: [], more: false, problem: null };

export function searchFiles(
  files: Iterable<readonly [path: string, text: string]>,
  query: string,
  options: SearchOptions,
  now: () => number = () => performance.now(),
): Found {
  if (query === "") return NOTHING;
  const pattern = patternOf(query, options);
  if (pattern === null) {
    return { ...NOTHING, problem: "This is not a regular expression." };
  }
  const matches: Match[] = [];
  const end = now() + BUDGET_MS;
  for (const [path, text] of files) {
    let number = 0;
    for (const line of text.split("\n")) {
      number += 1;
      if (options.regularExpression && line.length > MAX_LINE) continue;
      for (const match of matchesIn(line, pattern)) {
        if (matches.length === MAX_MATCHES) return { matches, more: true, problem: null };
        matches.push({ path, line: number, ...match });
      }
      if (options.regularExpression && number % 64 === 0 && now() > end) {
        return { matches, more: true, problem: "This expression takes too long." };
      }
    }
  }
  return { matches, more: false, problem: null };
}

function patternOf(query: string, options: SearchOptions): RegExp | null {
  const plain = query.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const body = options.regularExpression ? query : plain;
  const source = options.wholeWord ? String.raw`(?<![\p{L}\p{N}_])(?:${body})(?![\p{L}\p{N}_])` : body;
  try {
    return new RegExp(source, options.caseSensitive ? "gu" : "giu");
  } catch {
    return null;
  }
}

function matchesIn(line: string, pattern: RegExp): Omit<Match, "path" | "line">[] {
  const found: Omit<Match, "path" | "line">[] = [];
  for (const match of line.matchAll(pattern)) {
    const [text] = match;
    if (text === "") continue;
    const from = Math.max(0, match.index - BEFORE);
    const cut = line.slice(from, from + SHOWN);
    const shown = from === 0 ? cut.trimStart() : `…${cut}`;
    found.push({
      column: match.index + 1,
      length: text.length,
      text: shown,
      shownAt: Math.max(0, match.index - from + shown.length - cut.length),
    });
  }
  return found;
}
