/** What a person sees of a project; `fold.ts` makes it of the server's messages. */

import type {
  ErrorData,
  ImageInfo,
  PhaseFile,
  ProblemData,
  SettingsChangedData,
  StateUpdateData,
} from "../contract";

export type RunState = StateUpdateData["currentState"];

/** Where the run stands; everything in it comes from the server. */
export type Standing = Omit<StateUpdateData, "version">;

export interface FileEntry {
  readonly path: string;
  /** The last whole content on record, null before the first; in base64 where it is no text. */
  readonly recorded: string | null;
  /** What has arrived of the content being written, null when none is. */
  readonly draft: string | null;
  /** It is no text. */
  readonly binary: boolean;
  /** The event that recorded it; 0 before the first. */
  readonly seq: number;
}

export interface Phase {
  readonly index: number;
  readonly name: string;
  readonly description: string;
  readonly files: readonly PhaseFile[];
  readonly written: readonly string[];
  readonly isLast: boolean;
  readonly ended: boolean;
}

/** One item of the conversation. *seq* identifies it. */
export type Entry =
  | PersonEntry
  | { readonly kind: "agent"; readonly seq: number; readonly text: string }
  | { readonly kind: "phase"; readonly seq: number; readonly phase: Phase }
  | { readonly kind: "step"; readonly seq: number; readonly text: string }
  | SavedEntry
  | ConflictEntry
  | { readonly kind: "problems"; readonly seq: number; readonly problems: readonly ProblemData[] }
  | OutcomeEntry;

export interface PersonEntry {
  readonly kind: "person";
  readonly seq: number;
  readonly text: string;
  readonly images: readonly ImageInfo[];
}

/** A person has saved or deleted files, one after the other. */
export interface SavedEntry {
  readonly kind: "saved";
  readonly seq: number;
  readonly text: string;
  readonly paths: readonly string[];
}

/** The agent wrote *path* otherwise than a person; the person's version stays. */
export interface ConflictEntry {
  readonly kind: "conflict";
  readonly seq: number;
  readonly path: string;
  readonly reason: string;
}

export interface OutcomeEntry {
  readonly kind: "outcome";
  readonly seq: number;
  readonly outcome: "complete" | "failed" | "stopped";
  readonly text: string;
}

/** An answer of the agent that is being written. */
export interface Reply {
  readonly messageId: string;
  readonly text: string;
  /** How many code points *text* has, which is how the server counts. */
  readonly points: number;
}

export interface LogLine {
  readonly id: number;
  /** Where it came from; a note is of ours. */
  readonly stream: "stdout" | "stderr" | "note";
  readonly text: string;
  /** The last event on record when it came. */
  readonly seq: number;
}

/** Tokens and money that calls of models have taken. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** US dollars; null while no call has told its cost. */
  readonly costUsd: number | null;
}

export const NO_USAGE: Usage = { promptTokens: 0, completionTokens: 0, costUsd: null };

/** What is wrong with the app, as the server has found it. */
export interface Reported {
  readonly seq: number;
  readonly problems: readonly ProblemData[];
}

export interface ProjectState {
  /** The seq of the last recorded message that was applied. */
  readonly lastSeq: number;
  /** A recorded message is missing: connect again with `after=lastSeq`. */
  readonly gap: boolean;
  readonly standing: Standing;
  /** An answer that is newer than what has been replayed so far. */
  readonly ahead: StateUpdateData | null;
  /** The server has told where the run stands. */
  readonly known: boolean;
  readonly name: string | null;
  readonly description: string | null;
  readonly deleted: boolean;
  readonly files: ReadonlyMap<string, FileEntry>;
  /** The path whose text is arriving. */
  readonly writing: string | null;
  /** The path that was written last, also while it is being written. */
  readonly touched: string | null;
  readonly entries: readonly Entry[];
  readonly logs: readonly LogLine[];
  /** A call of the model was cut off by us; the next one takes the run up again. */
  readonly interrupted: boolean;
  /** The prompt of the last run. */
  readonly prompt: string | null;
  readonly runs: number;
  /** The event that began the last run; 0 before the first. */
  readonly runSeq: number;
  /** The event up to which the model has been told what people said. */
  readonly heardSeq: number;
  /** How many messages and prompts the server has taken in. */
  readonly accepted: number;
  /** How many requests it has refused, on this page. */
  readonly refused: number;
  /** How often this page has connected. */
  readonly connections: number;
  /** How often the app was started: a reason to load the preview again; edits reach it alone. */
  readonly previewRevision: number;
  /** Of all runs. */
  readonly usage: Usage;
  /** Of the run that was started last. */
  readonly runUsage: Usage;
  /** What a person has chosen; null as long as nobody has. */
  readonly settings: SettingsChangedData | null;
  /** Until the next run ends well. */
  readonly reported: Reported | null;
  /** The answer that is arriving. */
  readonly reply: Reply | null;
  /** The last refusal, until something is taken in. */
  readonly refusal: ErrorData | null;
}

/** Older lines are dropped: the log is for what happens now. */
export const MAX_LOG_LINES = 5_000;

export const INITIAL: ProjectState = {
  lastSeq: 0,
  gap: false,
  standing: {
    currentState: "idle",
    currentPhase: null,
    totalPhases: 0,
    generatedFiles: [],
    previewUrl: null,
  },
  ahead: null,
  known: false,
  name: null,
  description: null,
  deleted: false,
  files: new Map(),
  writing: null,
  touched: null,
  entries: [],
  logs: [],
  interrupted: false,
  prompt: null,
  runs: 0,
  runSeq: 0,
  heardSeq: 0,
  accepted: 0,
  refused: 0,
  connections: 0,
  previewRevision: 0,
  usage: NO_USAGE,
  runUsage: NO_USAGE,
  settings: null,
  reported: null,
  reply: null,
  refusal: null,
};

/** Where the run stands now, also while older history is still arriving. */
export function standingOf(state: ProjectState): Standing {
  return state.ahead ?? state.standing;
}

/** Whether the history up to the server's answer has been replayed. */
export function isCaughtUp(state: ProjectState): boolean {
  return state.known && state.ahead === null;
}

export function isRunning(current: RunState): boolean {
  return (
    current === "designing" ||
    current === "implementing" ||
    current === "install" ||
    current === "start"
  );
}

/** What is shown of a file. */
export function textOf(file: FileEntry): string {
  return file.draft ?? (file.binary ? "" : (file.recorded ?? ""));
}

/** How the last run ended; null while one is under way and before the first. */
export function lastOutcome(state: ProjectState): OutcomeEntry["outcome"] | null {
  if (isRunning(standingOf(state).currentState)) return null;
  const last = state.entries.findLast((entry) => entry.kind === "outcome");
  return last?.kind === "outcome" ? last.outcome : null;
}

/** What is being repaired: problems that were found after the last phase; none otherwise. */
export function repairing(state: ProjectState): number {
  if (standingOf(state).currentState !== "designing") return 0;
  const last = state.entries.findLast(
    ({ kind, seq }) => (kind === "phase" || kind === "problems") && seq > state.runSeq,
  );
  return last?.kind === "problems" ? last.problems.length : 0;
}

/** Whether what a person said waits for the next phase. */
export function isWaiting(state: ProjectState, entry: PersonEntry): boolean {
  return (
    isRunning(state.standing.currentState) &&
    entry.seq > state.runSeq &&
    entry.seq > state.heardSeq
  );
}

/** The phase that is being written, or the last one. */
export function currentPhase(state: ProjectState): Phase | null {
  const entry = state.entries.findLast((candidate) => candidate.kind === "phase");
  return entry?.kind === "phase" ? entry.phase : null;
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
