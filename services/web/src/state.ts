/**
 * What a person sees of a project, as a pure fold of the server's messages.
 *
 * Recorded messages (with `seq`) are applied once and in order; progress (without) is applied as it
 * comes. Folding the whole history gives the same as having watched all along.
 */

import type { ErrorData, PhaseFile, ServerMessage, StateUpdateData } from "./contract";

export type RunState = StateUpdateData["currentState"];

/** Where the run stands; everything in it comes from the server. */
export type Standing = Omit<StateUpdateData, "version">;

export interface FileEntry {
  readonly path: string;
  /** The last whole content on record, null before the first. */
  readonly recorded: string | null;
  /** What has arrived of the content being written, null when none is. */
  readonly draft: string | null;
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
  | { readonly kind: "person"; readonly seq: number; readonly text: string }
  | { readonly kind: "phase"; readonly seq: number; readonly phase: Phase }
  | { readonly kind: "step"; readonly seq: number; readonly text: string }
  /** A person has saved files, one after the other. */
  | { readonly kind: "saved"; readonly seq: number; readonly text: string; readonly paths: readonly string[] }
  | {
      readonly kind: "outcome";
      readonly seq: number;
      readonly outcome: "complete" | "failed" | "stopped";
      readonly text: string;
    };

export interface LogLine {
  readonly id: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** US dollars; null while no call has told its cost. */
  readonly costUsd: number | null;
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
  /** How many messages and prompts the server has taken in. */
  readonly accepted: number;
  /** How many requests it has refused, on this page. */
  readonly refused: number;
  /** How often this page has connected. */
  readonly connections: number;
  /** How often the app was started: a reason to load the preview again; edits reach it alone. */
  readonly previewRevision: number;
  readonly usage: Usage;
  /** The last refusal, until something is taken in. */
  readonly refusal: ErrorData | null;
}

/** Older lines are dropped: the log is for what happens now. */
export const MAX_LOG_LINES = 2_000;

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
  accepted: 0,
  refused: 0,
  connections: 0,
  previewRevision: 0,
  usage: { promptTokens: 0, completionTokens: 0, costUsd: null },
  refusal: null,
};

/** The state after *message*; the same object where nothing changed. */
export function fold(state: ProjectState, message: ServerMessage): ProjectState {
  const seq = "seq" in message ? message.seq : undefined;
  if (typeof seq !== "number") return progress(state, message);
  if (seq <= state.lastSeq) return state;
  if (seq > state.lastSeq + 1) return state.gap ? state : { ...state, gap: true };
  const next = recorded({ ...state, lastSeq: seq, gap: false }, message, seq);
  return next.ahead !== null && next.ahead.version <= seq ? { ...next, ahead: null } : next;
}

/** The state after *messages*, with neighbouring pieces of a file joined first. */
export function foldAll(state: ProjectState, messages: readonly ServerMessage[]): ProjectState {
  return joined(messages).reduce(fold, state);
}

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
  return file.draft ?? file.recorded ?? "";
}

/** The phase that is being written, or the last one. */
export function currentPhase(state: ProjectState): Phase | null {
  const entry = state.entries.findLast((candidate) => candidate.kind === "phase");
  return entry?.kind === "phase" ? entry.phase : null;
}

// --- progress, shown and forgotten ---------------------------------------------------

function progress(state: ProjectState, message: ServerMessage): ProjectState {
  switch (message.type) {
    case "agent_connected":
      // What was arriving is void; the server tells it again, and what was refused is old.
      return {
        ...withoutDrafts(state),
        gap: false,
        refusal: null,
        connections: state.connections + 1,
      };
    case "file_start":
      return startFile(state, message.data.path);
    case "file_chunk":
      return growFile(state, message.data.path, message.data.chunk);
    case "sandbox_log":
      return { ...state, logs: addLog(state.logs, message.data) };
    case "state_update":
      return answered(state, message.data);
    case "preview_url":
      return {
        ...state,
        standing: { ...state.standing, previewUrl: message.data.previewUrl },
      };
    case "error":
      if (message.data.code === "project_access_denied") return state;
      return { ...state, refusal: message.data, refused: state.refused + 1 };
    default:
      return state;
  }
}

function answered(state: ProjectState, data: StateUpdateData): ProjectState {
  if (data.version < state.lastSeq) return state;
  if (data.version > state.lastSeq) return { ...state, ahead: data, known: true };
  return stand({ ...state, known: true }, data);
}

function startFile(state: ProjectState, path: string): ProjectState {
  const old = state.files.get(path);
  const file: FileEntry = {
    path,
    recorded: old?.recorded ?? null,
    draft: "",
  };
  return { ...state, writing: path, touched: path, files: withFile(state.files, file) };
}

function growFile(state: ProjectState, path: string, chunk: string): ProjectState {
  const file = state.files.get(path);
  // A piece without its beginning: `file_end` will bring the whole.
  if (file === undefined || file.draft === null) return state;
  return {
    ...state,
    writing: path,
    touched: path,
    files: withFile(state.files, { ...file, draft: file.draft + chunk }),
  };
}

function addLog(
  logs: readonly LogLine[],
  data: { type: "stdout" | "stderr"; content: string },
): readonly LogLine[] {
  let id = logs.at(-1)?.id ?? 0;
  const lines = data.content.replace(/\r?\n$/, "").split(/\r?\n/);
  const added = lines.map((text) => ({ id: ++id, stream: data.type, text }));
  return [...logs, ...added].slice(-MAX_LOG_LINES);
}

// --- recorded events -----------------------------------------------------------------

function recorded(state: ProjectState, message: ServerMessage, seq: number): ProjectState {
  switch (message.type) {
    case "project_created":
      return person({ ...state, ...message.data }, seq, message.data.description);
    case "project_updated":
      return { ...state, ...message.data };
    case "project_deleted":
      return { ...withoutDrafts(state), deleted: true };
    case "message_posted":
      return person(
        { ...state, accepted: state.accepted + 1, refusal: null },
        seq,
        message.data.content,
      );
    case "run_started":
      return runStarted(state, seq, message.data.prompt);
    case "state_update":
      return stand({ ...state, known: true }, message.data);
    case "phase_start": {
      const { phaseIndex: index, isLastPhase: isLast, ...rest } = message.data;
      const phase: Phase = { ...rest, index, isLast, written: [], ended: false };
      return { ...state, entries: [...state.entries, { kind: "phase", seq, phase }] };
    }
    case "phase_end":
      return withoutDrafts(changePhase(state, (phase) => ({ ...phase, ended: true })));
    case "file_end":
      return endFile(state, seq, message.data.path, message.data.content);
    case "packages_requested":
      return step(state, seq, packagesLine(message.data.argv));
    case "deps_installed":
      return step(state, seq, "Packages installed");
    case "server_started":
      return {
        ...step(state, seq, "The app is running"),
        standing: { ...state.standing, previewUrl: message.data.url },
        previewRevision: state.previewRevision + 1,
      };
    case "generation_complete":
      return outcome(
        state,
        seq,
        "complete",
        completeLine(message.data.files.length, message.data.phases),
      );
    case "generation_error":
      return outcome(state, seq, "failed", message.data.message);
    case "run_stopped":
      return outcome(state, seq, "stopped", "Stopped. Everything written so far is kept.");
    case "model_call_started":
      if (!state.interrupted) return state;
      return step({ ...state, interrupted: false }, seq, "Taken up again after an interruption");
    case "model_call_ended":
      return callEnded(state, seq, message.data);
    default:
      return state;
  }
}

function stand(state: ProjectState, data: StateUpdateData): ProjectState {
  const { currentState, currentPhase: phase, totalPhases, generatedFiles, previewUrl } = data;
  return {
    ...state,
    standing: { currentState, currentPhase: phase, totalPhases, generatedFiles, previewUrl },
  };
}

function runStarted(state: ProjectState, seq: number, prompt: string): ProjectState {
  const started = {
    ...state,
    prompt,
    runs: state.runs + 1,
    accepted: state.accepted + 1,
    refusal: null,
  };
  const last = state.entries.findLast((entry) => entry.kind === "person" || entry.kind === "outcome");
  if (last?.kind === "person" && last.text === prompt) return started;
  return prompt === state.prompt ? step(started, seq, "Started again") : person(started, seq, prompt);
}

function endFile(state: ProjectState, seq: number, path: string, content: string): ProjectState {
  const files = withFile(state.files, { path, recorded: content, draft: null });
  const writing = state.writing === path ? null : state.writing;
  const next = { ...state, files, writing, touched: path };
  // Between runs only a person writes files.
  if (!isRunning(state.standing.currentState)) return personSaved(next, seq, path);
  return changePhase(next, (phase) =>
    phase.written.includes(path) ? phase : { ...phase, written: [...phase.written, path] },
  );
}

function callEnded(
  state: ProjectState,
  seq: number,
  data: {
    outcome: string | null;
    promptTokens: number | null;
    completionTokens: number | null;
    costUsd: number | null;
  },
): ProjectState {
  const { usage } = state;
  const next = {
    ...state,
    interrupted: data.outcome === "interrupted",
    usage: {
      promptTokens: usage.promptTokens + (data.promptTokens ?? 0),
      completionTokens: usage.completionTokens + (data.completionTokens ?? 0),
      costUsd: data.costUsd === null ? usage.costUsd : (usage.costUsd ?? 0) + data.costUsd,
    },
  };
  const line = CALL_LINES.get(data.outcome ?? "");
  return line === undefined ? next : step(next, seq, line);
}

const CALL_LINES: ReadonlyMap<string, string> = new Map([
  ["length", "The model reached its limit; asking for the rest"],
  ["cut", "The model's answer was cut off; asking for the rest"],
  ["invalid", "The model's answer could not be used; asking again"],
  ["failed", "The model did not answer"],
]);

function packagesLine(argv: readonly string[]): string {
  const names = argv.slice(2).filter((word) => !word.startsWith("-"));
  return names.length === 0 ? `Asked for ${argv.join(" ")}` : `Asked for ${names.join(", ")}`;
}

function completeLine(files: number, phases: number): string {
  return `Finished: ${count(files, "file")} in ${count(phases, "phase")}`;
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

// --- small steps ---------------------------------------------------------------------

function person(state: ProjectState, seq: number, text: string): ProjectState {
  if (text.trim() === "") return state;
  return { ...state, entries: [...state.entries, { kind: "person", seq, text }] };
}

/** Saving again and again is one item of the conversation. */
function personSaved(state: ProjectState, seq: number, path: string): ProjectState {
  const last = state.entries.at(-1);
  const before = last?.kind === "saved" ? last : null;
  const paths = [...new Set([...(before?.paths ?? []), path])];
  const text = `Saved ${paths.length === 1 ? path : count(paths.length, "file")}`;
  const entry: Entry = { kind: "saved", seq: before?.seq ?? seq, text, paths };
  const entries = before === null ? state.entries : state.entries.slice(0, -1);
  return { ...state, entries: [...entries, entry] };
}

function step(state: ProjectState, seq: number, text: string): ProjectState {
  return { ...state, entries: [...state.entries, { kind: "step", seq, text }] };
}

function outcome(
  state: ProjectState,
  seq: number,
  kind: "complete" | "failed" | "stopped",
  text: string,
): ProjectState {
  const entry: Entry = { kind: "outcome", seq, outcome: kind, text };
  return { ...withoutDrafts(state), interrupted: false, entries: [...state.entries, entry] };
}

function changePhase(state: ProjectState, change: (phase: Phase) => Phase): ProjectState {
  const at = state.entries.findLastIndex((entry) => entry.kind === "phase");
  const entry = state.entries[at];
  if (entry?.kind !== "phase") return state;
  return { ...state, entries: state.entries.with(at, { ...entry, phase: change(entry.phase) }) };
}

function withFile(
  files: ReadonlyMap<string, FileEntry>,
  file: FileEntry,
): ReadonlyMap<string, FileEntry> {
  return new Map(files).set(file.path, file);
}

/** A file that was not finished is what it was before: its last whole content, or nothing. */
function withoutDrafts(state: ProjectState): ProjectState {
  if (![...state.files.values()].some((file) => file.draft !== null)) {
    return state.writing === null ? state : { ...state, writing: null };
  }
  const files = new Map<string, FileEntry>();
  for (const [path, file] of state.files) {
    if (file.draft === null) files.set(path, file);
    else if (file.recorded !== null) {
      files.set(path, { ...file, draft: null });
    }
  }
  return { ...state, files, writing: null };
}

function joined(messages: readonly ServerMessage[]): readonly ServerMessage[] {
  const result: ServerMessage[] = [];
  for (const message of messages) {
    const last = result.at(-1);
    if (
      message.type === "file_chunk" &&
      last?.type === "file_chunk" &&
      last.data.path === message.data.path
    ) {
      const { path } = message.data;
      const chunk = last.data.chunk + message.data.chunk;
      result[result.length - 1] = { type: "file_chunk", data: { path, chunk } };
    } else {
      result.push(message);
    }
  }
  return result;
}
