/** Messages as the server sends them, with as little as a test has to say. */

import type { ServerMessage, StateUpdateData } from "../src/contract";
import type { RunState } from "../src/project/state";

/** Recorded messages get the seqs 1, 2, 3, … in the order of *messages*; progress gets none. */
export function history(...messages: object[]): ServerMessage[] {
  let seq = 0;
  return messages.map((message) => {
    const { type } = message as { type: string };
    return (PROGRESS.has(type) ? message : { seq: ++seq, ...message }) as ServerMessage;
  });
}

const PROGRESS = new Set([
  "agent_connected",
  "assistant_chunk",
  "error",
  "file_chunk",
  "file_start",
  "sandbox_log",
]);

export const created = (description: string) => ({
  type: "project_created",
  data: { name: "Board", description },
});

export const connected = () => ({ type: "agent_connected", data: { projectId: "p" } });

export const runStarted = (prompt: string) => ({
  type: "run_started",
  data: { runId: "r", prompt },
});

export const posted = (content: string) => ({
  type: "message_posted",
  data: { messageId: "m", content, images: [] },
});

export const state = (currentState: RunState, more: Partial<StateUpdateData> = {}) => ({
  type: "state_update",
  data: {
    currentState,
    currentPhase: null,
    totalPhases: 0,
    generatedFiles: [],
    previewUrl: null,
    version: 0,
    ...more,
  },
});

export const phaseStart = (phaseIndex: number, ...paths: string[]) => ({
  type: "phase_start",
  data: {
    phaseIndex,
    name: "Board",
    description: "Columns",
    files: paths.map((path) => ({ path, purpose: "" })),
    isLastPhase: true,
  },
});

export const phaseEnd = (phaseIndex: number, ...files: string[]) => ({
  type: "phase_end",
  data: { phaseIndex, name: "Board", files },
});

export const fileStart = (path: string) => ({ type: "file_start", data: { path } });

export const chunk = (path: string, text: string) => ({
  type: "file_chunk",
  data: { path, chunk: text },
});

export const fileEnd = (path: string, content: string, author: "agent" | "user" = "agent") => ({
  type: "file_end",
  data: { path, content, encoding: "utf-8", author },
});

export const stopped = () => ({ type: "run_stopped", data: { runId: "r" } });

export const log = (content: string, type: "stdout" | "stderr" = "stdout") => ({
  type: "sandbox_log",
  data: { type, content },
});

export const refused = (code: string) => ({ type: "error", data: { code, message: "No." } });

export const deleted = (path: string, author: "agent" | "user" = "user") => ({
  type: "file_deleted",
  data: { path, author },
});

export const conflict = (path: string, content: string) => ({
  type: "file_conflict",
  data: { path, content, reason: "edited", encoding: "utf-8" },
});

export const replied = (content: string) => ({
  type: "assistant_message",
  data: { messageId: "a", content },
});

export const replyChunk = (offset: number, text: string) => ({
  type: "assistant_chunk",
  data: { messageId: "a", offset, chunk: text },
});

export const problems = (...messages: string[]) => ({
  type: "problems_reported",
  data: {
    problems: messages.map((message) => ({
      source: "compile",
      message,
      path: "src/App.tsx",
      line: 3,
    })),
  },
});
