/**
 * What is wrong with the app: as the server has reported it, and as the log tells.
 *
 * Compilers and servers write in forms of their own; those of the tools that generated apps use are
 * read here. What a line tells is found once, however often the log grows.
 */

import type { FileEntry, LogLine, ProjectState } from "./state";

export interface Problem {
  readonly key: string;
  readonly severity: "error" | "warning";
  /** Who says so, such as `compile` or `log`. */
  readonly source: string;
  readonly message: string;
  /** A file of the project; null where none is named. */
  readonly path: string | null;
  /** From 1. */
  readonly line: number | null;
  /** From 1. */
  readonly column: number | null;
}

interface Place {
  readonly path: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** What one line of the log tells. */
type Told =
  /** All of it. */
  | { readonly kind: "whole"; readonly severity: Problem["severity"]; readonly message: string; readonly place: Place }
  /** What is wrong; where may follow within some lines. */
  | { readonly kind: "message"; readonly message: string }
  /** Where something is wrong. */
  | { readonly kind: "place"; readonly place: Place }
  /** A step on the way to what is wrong, which comes last. */
  | { readonly kind: "frame"; readonly place: Place }
  | { readonly kind: "nothing" };

/** A place belongs to a message that is at most so many lines above it. */
const NEAR = 12;
export const MAX_PROBLEMS = 200;

/** Everything that is wrong now; what has been changed since is left out. */
export function problemsOf(
  state: Pick<ProjectState, "reported" | "logs" | "files" | "runSeq">,
): Problem[] {
  const reported = (state.reported?.problems ?? []).map((problem) =>
    made("error", problem.source, problem.message, {
      path: problem.path,
      line: problem.line,
      column: null,
    }),
  );
  const logged = problemsInLog(state.logs, state.files, state.runSeq);
  const all = new Map([...reported, ...logged].map((problem) => [problem.key, problem]));
  return [...all.values()].slice(-MAX_PROBLEMS);
}

/** What the lines of the log tell, except of files that were written since. */
export function problemsInLog(
  lines: readonly LogLine[],
  files: ReadonlyMap<string, FileEntry>,
  runSeq: number,
): Problem[] {
  const found = new Map<string, Problem>();
  /** What is wrong, as long as its place may still come. */
  let open: { readonly message: string; readonly at: number; readonly line: LogLine } | null = null;
  let frame: Place | null = null;
  const add = (line: LogLine, severity: Problem["severity"], text: string, place: Place | null) => {
    const path = place === null ? null : pathIn(files, place.path);
    const since = path === null ? runSeq : (files.get(path)?.seq ?? 0);
    if (line.seq < since) return;
    const { line: row = null, column = null } = (path === null ? null : place) ?? {};
    const problem = made(severity, "log", text, { path, line: row, column });
    found.set(problem.key, problem);
  };
  const close = () => {
    if (open !== null) add(open.line, "error", open.message, null);
    open = null;
  };
  for (const [at, line] of lines.entries()) {
    const told = toldBy(line);
    if (open !== null && at - open.at > NEAR) close();
    if (told.kind === "whole") add(line, told.severity, told.message, told.place);
    else if (told.kind === "frame") frame = told.place;
    else if (told.kind === "place" && open !== null) {
      // Places in packages are on the way to one of the project.
      if (pathIn(files, told.place.path) === null) continue;
      add(line, "error", open.message, told.place);
      open = null;
    } else if (told.kind === "message") {
      close();
      if (frame === null) open = { message: told.message, at, line };
      else add(line, "error", told.message, frame);
      frame = null;
    }
  }
  close();
  return [...found.values()];
}

function made(
  severity: Problem["severity"],
  source: string,
  message: string,
  place: { path: string | null; line: number | null; column: number | null },
): Problem {
  const key = `${place.path}:${place.line}:${place.column}:${message}`;
  return { key, severity, source, message, ...place };
}

/** The file of the project that *named* means: sandboxes have the project in some folder. */
function pathIn(files: ReadonlyMap<string, FileEntry>, named: string): string | null {
  const parts = named.replace(/^file:\/\//, "").replace(/\?.*$/, "").split("/");
  for (let from = 0; from < parts.length; from += 1) {
    const path = parts.slice(from).join("/");
    if (files.has(path)) return path;
  }
  return null;
}

// --- what a line tells ---------------------------------------------------------------

const known = new WeakMap<LogLine, Told>();
const NOTHING: Told = { kind: "nothing" };
/** Longer lines are of machines. */
const MAX_LENGTH = 2_000;

function toldBy(line: LogLine): Told {
  const before = known.get(line);
  if (before !== undefined) return before;
  const read = line.text.length > MAX_LENGTH ? NOTHING : readLine(plain(line.text));
  known.set(line, read);
  return read;
}

// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]/g;

function plain(text: string): string {
  return text.replace(ESCAPES, "").trimEnd();
}

const PATH = String.raw`((?:[\w@.~-]|/(?!/))+\.[A-Za-z]{1,5}(?:\?[\w=&.-]*)?)`;
/** `src/a.ts(3,5): error TS2304: …`, `src/a.ts:3:5 - error TS2304: …`, `src/a.c:3:5: warning: …` */
const WHOLE = new RegExp(
  String.raw`^\s*${PATH}(?:\((\d+),(\d+)\)|:(\d+):(\d+))\s*[:-]?\s*(error|warning)\b:?\s*(.+)$`,
  "i",
);
/** `Something: src/a.tsx: Unexpected token (3:5)`, as Babel says it. */
const BABEL = new RegExp(String.raw`^(.*?(?:[Ee]rror)\S*:?\s+)${PATH}:\s+(.+?)\s*\((\d+):(\d+)\)$`);
/** `File: /app/a.tsx:3:5`, `src/a.tsx:3:5:`, `at f (/app/a.js:3:5)`, `╭─[ src/a.tsx:3:5 ]` */
const PLACE = new RegExp(
  String.raw`^\s*(?:File:\s+|at\s+(?:async\s+)?(?:.*\()?|╭─\[\s*|-->\s*)?(?:file://)?${PATH}:(\d+)(?::(\d+))?\s*[):\]]*$`,
);
const PYTHON = /^\s*File "([^"]+)", line (\d+)/;
/** `TypeError: …`, `[vite] Internal server error: …`, `✘ [ERROR] …`, `npm error …`, `Error: …` */
const MESSAGE =
  /^(?:\d{1,2}:\d\d:\d\d\s*(?:[AP]M)?\s*)?(?:\[[\w:-]+\]\s*)?(?:\(\w+\)\s*)?(?:✘\s*\[ERROR\]\s*|\[[A-Z]+_ERROR\]\s+|(?:Internal server error|Pre-transform error|Build failed|Failed to \w+)[^:]*:\s*|npm (?:error|ERR!)\s+(?=\S+ \S+ \S)|(?=(?:Uncaught\s+)?(?:[A-Z]\w*)?(?:Error|Exception)(?::|\s\[)))(.+)$/;

function readLine(text: string): Told {
  const whole = WHOLE.exec(text);
  if (whole !== null) {
    const [, path = "", line1, column1, line2, column2, severity = "", message = ""] = whole;
    return {
      kind: "whole",
      severity: severity.toLowerCase() === "warning" ? "warning" : "error",
      message,
      place: { path, line: Number(line1 ?? line2), column: Number(column1 ?? column2) },
    };
  }
  const babel = BABEL.exec(text);
  if (babel !== null) {
    const [, , path = "", message = "", line, column] = babel;
    const place = { path, line: Number(line), column: Number(column) + 1 };
    return { kind: "whole", severity: "error", message, place };
  }
  const python = PYTHON.exec(text);
  if (python !== null) {
    const [, path = "", line] = python;
    return { kind: "frame", place: { path, line: Number(line), column: null } };
  }
  const place = PLACE.exec(text);
  if (place !== null) {
    const [, path = "", line, column] = place;
    const where = { path, line: Number(line), column: column === undefined ? null : Number(column) };
    return { kind: "place", place: where };
  }
  const message = MESSAGE.exec(text)?.[1];
  // What ends with a colon is a heading: what is wrong comes below it.
  if (message === undefined || message.endsWith(":")) return NOTHING;
  return { kind: "message", message };
}
