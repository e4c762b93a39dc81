/**
 * The server's messages, folded into what a person sees.
 *
 * Recorded messages (with `seq`) are applied once and in order; progress (without) is applied as it
 * comes. Folding the whole history gives the same as having watched all along.
 */

import type {
  AssistantChunkData,
  FileDeletedData,
  FileEndData,
  ImageInfo,
  ModelCallData,
  ServerMessage,
  StateUpdateData,
} from "../contract";
import {
  count,
  type Entry,
  type FileEntry,
  type LogLine,
  MAX_LOG_LINES,
  NO_USAGE,
  type Phase,
  type ProjectState,
  type Reply,
  type Usage,
} from "./state";

/** The state after *message*; the same object where nothing changed. */
export function fold(state: ProjectState, message: ServerMessage): ProjectState {
  const seq = "seq" in message ? message.seq : undefined;
  if (typeof seq !== "number") return progress(state, message);
  if (seq <= state.lastSeq) return state;
  if (seq > state.lastSeq + 1) return state.gap ? state : { ...state, gap: true };
  const next = recorded({ ...state, lastSeq: seq, gap: false }, message, seq);
  return next.ahead !== null && next.ahead.version <= seq ? { ...next, ahead: null } : next;
}

/** The state after *messages*, with neighbouring pieces joined first. */
export function foldAll(state: ProjectState, messages: readonly ServerMessage[]): ProjectState {
  return joined(messages).reduce(fold, state);
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
        reply: null,
        logs: interrupted(state),
        connections: state.connections + 1,
      };
    case "file_start":
      return startFile(state, message.data.path);
    case "file_chunk":
      return growFile(state, message.data.path, message.data.chunk);
    case "sandbox_log":
      return { ...state, logs: addLog(state, message.data) };
    case "assistant_chunk":
      return { ...state, reply: grownReply(state.reply, message.data) };
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
    binary: old?.binary ?? false,
    seq: old?.seq ?? 0,
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

/** An answer with one more piece; what comes twice is there once. */
function grownReply(reply: Reply | null, { messageId, offset, chunk }: AssistantChunkData): Reply {
  const points = [...chunk].length;
  if (reply?.messageId !== messageId || offset === 0 || offset > reply.points) {
    // Somebody who came late has missed the beginning; the whole comes when it is recorded.
    const text = offset === 0 ? chunk : `… ${chunk}`;
    return { messageId, text, points: offset + points };
  }
  const kept =
    offset === reply.points ? reply.text : [...reply.text].slice(0, offset - reply.points).join("");
  return { messageId, text: kept + chunk, points: offset + points };
}

/** What the app said meanwhile was shown to nobody: where that is in the log is told. */
function interrupted(state: ProjectState): readonly LogLine[] {
  const last = state.logs.at(-1);
  if (last === undefined || last.stream === "note") return state.logs;
  return addLog(state, { type: "note", content: GAP });
}

const GAP = "Connected again here. What came while there was no connection is not shown.";

function addLog(
  { logs, lastSeq: seq }: ProjectState,
  data: { type: LogLine["stream"]; content: string },
): readonly LogLine[] {
  let id = logs.at(-1)?.id ?? 0;
  const lines = data.content.replace(/\r?\n$/, "").split(/\r?\n/);
  const fresh = lines.map((text) => ({ id: ++id, stream: data.type, text, seq }));
  return [...logs, ...fresh].slice(-MAX_LOG_LINES);
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
        message.data.images,
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
      return endFile(state, seq, message.data);
    case "file_deleted":
      return deleteFile(state, seq, message.data);
    case "file_conflict": {
      const { path, reason } = message.data;
      return withEntry(withoutDraft(state, path), { kind: "conflict", seq, path, reason });
    }
    case "assistant_message":
      return withEntry(
        { ...state, reply: null },
        { kind: "agent", seq, text: message.data.content },
      );
    case "problems_reported": {
      const { problems } = message.data;
      const next = { ...state, reported: { seq, problems } };
      return withEntry(next, { kind: "problems", seq, problems });
    }
    case "settings_changed":
      return { ...state, settings: message.data };
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
        { ...state, reported: null },
        seq,
        "complete",
        completeLine(message.data.files.length, message.data.phases),
      );
    case "generation_error":
      return outcome(state, seq, "failed", message.data.message);
    case "run_stopped":
      return outcome(state, seq, "stopped", "Stopped. Everything written so far is kept.");
    case "model_call_started":
      return callStarted(state, seq, message.data);
    case "model_call_ended":
      return callEnded(state, seq, message.data);
    case "model_call_counted":
      return counted(state, message.data);
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
    runSeq: seq,
    heardSeq: seq,
    accepted: state.accepted + 1,
    refusal: null,
    runUsage: NO_USAGE,
  };
  const last = state.entries.findLast((entry) => entry.kind === "person" || entry.kind === "outcome");
  if (last?.kind === "person" && last.text === prompt) return started;
  return prompt === state.prompt ? step(started, seq, "Started again") : person(started, seq, prompt);
}

function endFile(
  state: ProjectState,
  seq: number,
  { path, content, encoding, author }: FileEndData,
): ProjectState {
  const binary = encoding === "base64";
  const files = withFile(state.files, { path, recorded: content, draft: null, binary, seq });
  const writing = state.writing === path ? null : state.writing;
  const next = { ...state, files, writing, touched: path };
  if (author === "user") return personSaved(next, seq, path, "Saved");
  return changePhase(next, (phase) =>
    phase.written.includes(path) ? phase : { ...phase, written: [...phase.written, path] },
  );
}

function deleteFile(
  state: ProjectState,
  seq: number,
  { path, author }: FileDeletedData,
): ProjectState {
  const files = new Map(state.files);
  files.delete(path);
  const writing = state.writing === path ? null : state.writing;
  const touched = state.touched === path ? null : state.touched;
  const next = { ...state, files, writing, touched };
  return author === "user"
    ? personSaved(next, seq, path, "Deleted")
    : step(next, seq, `Deleted ${path}`);
}

function callStarted(state: ProjectState, seq: number, { purpose }: ModelCallData): ProjectState {
  const next = { ...state, heardSeq: purpose === "design" ? seq : state.heardSeq };
  if (!state.interrupted) return next;
  return step({ ...next, interrupted: false }, seq, "Taken up again after an interruption");
}

function callEnded(state: ProjectState, seq: number, data: ModelCallData): ProjectState {
  const next = { ...counted(state, data), interrupted: data.outcome === "interrupted" };
  const line = data.retryAt ? busyLine(data.retryAt) : CALL_LINES.get(data.outcome ?? "");
  return line === undefined ? next : step(next, seq, line);
}

function counted(state: ProjectState, data: ModelCallData): ProjectState {
  return {
    ...state,
    usage: added(state.usage, data),
    runUsage: added(state.runUsage, data),
  };
}

function busyLine(retryAt: string): string {
  const time = new Date(retryAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `The model asks to wait; going on by itself at ${time}`;
}

function added(usage: Usage, { promptTokens, completionTokens, costUsd }: ModelCallData): Usage {
  return {
    promptTokens: usage.promptTokens + (promptTokens ?? 0),
    completionTokens: usage.completionTokens + (completionTokens ?? 0),
    costUsd: costUsd === null ? usage.costUsd : (usage.costUsd ?? 0) + costUsd,
  };
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

// --- small steps ---------------------------------------------------------------------

function withEntry(state: ProjectState, entry: Entry): ProjectState {
  return { ...state, entries: [...state.entries, entry] };
}

function person(
  state: ProjectState,
  seq: number,
  text: string,
  images: readonly ImageInfo[] = [],
): ProjectState {
  if (text.trim() === "" && images.length === 0) return state;
  return withEntry(state, { kind: "person", seq, text, images });
}

/** Doing the same again and again is one item of the conversation. */
function personSaved(state: ProjectState, seq: number, path: string, verb: string): ProjectState {
  const last = state.entries.at(-1);
  const before = last?.kind === "saved" && last.text.startsWith(verb) ? last : null;
  const paths = [...new Set([...(before?.paths ?? []), path])];
  const text = `${verb} ${paths.length === 1 ? path : count(paths.length, "file")}`;
  const entry: Entry = { kind: "saved", seq: before?.seq ?? seq, text, paths };
  const entries = before === null ? state.entries : state.entries.slice(0, -1);
  return { ...state, entries: [...entries, entry] };
}

function step(state: ProjectState, seq: number, text: string): ProjectState {
  return withEntry(state, { kind: "step", seq, text });
}

function outcome(
  state: ProjectState,
  seq: number,
  kind: "complete" | "failed" | "stopped",
  text: string,
): ProjectState {
  const entry: Entry = { kind: "outcome", seq, outcome: kind, text };
  return withEntry({ ...withoutDrafts(state), interrupted: false, reply: null }, entry);
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

function withoutDraft(state: ProjectState, path: string): ProjectState {
  const file = state.files.get(path);
  if (file === undefined || file.draft === null) return state;
  const files = new Map(state.files);
  if (file.recorded === null) files.delete(path);
  else files.set(path, { ...file, draft: null });
  return { ...state, files, writing: state.writing === path ? null : state.writing };
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
    const both = last === undefined ? null : join(last, message);
    if (both === null) result.push(message);
    else result[result.length - 1] = both;
  }
  return result;
}

/** Two pieces as one; null where they do not belong together. */
function join(a: ServerMessage, b: ServerMessage): ServerMessage | null {
  if (a.type === "file_chunk" && b.type === "file_chunk" && a.data.path === b.data.path) {
    return { type: "file_chunk", data: { ...b.data, chunk: a.data.chunk + b.data.chunk } };
  }
  if (a.type === "sandbox_log" && b.type === "sandbox_log" && a.data.type === b.data.type) {
    const first = a.data.content;
    const content = first + (first.endsWith("\n") ? "" : "\n") + b.data.content;
    return { type: "sandbox_log", data: { type: b.data.type, content } };
  }
  return null;
}
