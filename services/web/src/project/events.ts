/** Events on record, in words and in kinds. */

import type { ServerMessage } from "../contract";
import { count } from "./state";

export type EventKind =
  /** What a person said or did. */
  | "person"
  | "run"
  | "phase"
  | "file"
  /** A call of a model. */
  | "model"
  /** Installing and starting. */
  | "sandbox"
  | "problem"
  /** Good news at the end. */
  | "good"
  | "state";

export interface EventLine {
  readonly kind: EventKind;
  readonly text: string;
}

const STATES: Record<string, string> = {
  idle: "Stopped",
  designing: "Designing",
  implementing: "Writing",
  install: "Installing",
  start: "Starting",
  complete: "Ready",
  error: "Failed",
};

/** What *message* tells, as one line. */
export function lineOf(message: ServerMessage): EventLine {
  switch (message.type) {
    case "project_created":
      return { kind: "person", text: `Created “${message.data.name}”` };
    case "project_updated":
      return { kind: "person", text: `Renamed to “${message.data.name}”` };
    case "message_posted":
      return { kind: "person", text: `Said: ${short(message.data.content)}` };
    case "settings_changed":
      return { kind: "person", text: "Changed the settings" };
    case "run_started":
      return { kind: "run", text: `Run: ${short(message.data.prompt)}` };
    case "phase_start":
      return { kind: "phase", text: `Phase ${message.data.phaseIndex + 1}: ${message.data.name}` };
    case "phase_end":
      return { kind: "phase", text: `Phase ${message.data.phaseIndex + 1} is written` };
    case "file_end":
    case "file_deleted":
    case "file_conflict":
      return fileLine(message);
    case "model_call_started":
    case "model_call_ended":
      return callLine(message);
    case "model_call_counted":
      return { kind: "model", text: "Counted what the stopped call had brought" };
    case "state_update":
      return { kind: "state", text: STATES[message.data.currentState] ?? "" };
    case "assistant_message":
      return { kind: "model", text: `Answered: ${short(message.data.content)}` };
    default:
      return outcomeLine(message);
  }
}

function fileLine(
  message: Extract<ServerMessage, { type: "file_end" | "file_deleted" | "file_conflict" }>,
): EventLine {
  const { path } = message.data;
  if (message.type === "file_conflict") {
    return { kind: "problem", text: `Kept a person's ${path}, not the agent's` };
  }
  const person = message.data.author === "user";
  const verb = message.type === "file_end" ? (person ? "Saved" : "Wrote") : "Deleted";
  return { kind: person ? "person" : "file", text: `${verb} ${path}` };
}

function callLine(
  message: Extract<ServerMessage, { type: "model_call_started" | "model_call_ended" }>,
): EventLine {
  const { model, outcome } = message.data;
  if (message.type === "model_call_started") return { kind: "model", text: `Asked ${model}` };
  const good = outcome === null || outcome === "complete";
  const text = good ? `${model} answered` : `${model}: ${outcome}`;
  return { kind: good ? "model" : "problem", text };
}

function outcomeLine(message: ServerMessage): EventLine {
  switch (message.type) {
    case "packages_requested":
      return { kind: "sandbox", text: `Asked for ${message.data.argv.slice(2).join(" ")}` };
    case "files_written":
      return { kind: "sandbox", text: `Sandbox holds ${count(message.data.count, "file")}` };
    case "deps_installed":
      return { kind: "sandbox", text: "Packages installed" };
    case "server_started":
      return { kind: "good", text: "The app answers" };
    case "generation_complete":
      return { kind: "good", text: "Finished" };
    case "generation_error":
      return { kind: "problem", text: `Failed: ${short(message.data.message)}` };
    case "problems_reported":
      return { kind: "problem", text: `${count(message.data.problems.length, "problem")} found` };
    case "run_stopped":
      return { kind: "person", text: "Stopped by a person" };
    case "project_deleted":
      return { kind: "person", text: "Deleted" };
    default:
      return { kind: "state", text: message.type.replaceAll("_", " ") };
  }
}

const MAX_TEXT = 90;

function short(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  const points = [...line];
  return points.length <= MAX_TEXT ? line : `${points.slice(0, MAX_TEXT).join("")}…`;
}

/** A place on the timeline, from 0 to 1, and what is there. */
export interface Mark {
  readonly at: number;
  readonly kind: EventKind;
}

/** What stands out when events lie so close that one place has to stand for several. */
const WEIGHT: Record<EventKind, number> = {
  problem: 8,
  good: 7,
  person: 6,
  run: 5,
  phase: 4,
  file: 3,
  sandbox: 2,
  model: 1,
  state: 0,
};

/** At most *places* marks for a whole history. */
export function marksOf(events: readonly ServerMessage[], places: number): Mark[] {
  const marks = new Map<number, Mark>();
  for (const [index, event] of events.entries()) {
    const { kind } = lineOf(event);
    if (WEIGHT[kind] === 0) continue;
    const place = Math.round((index / Math.max(1, events.length - 1)) * (places - 1));
    const there = marks.get(place);
    if (there !== undefined && WEIGHT[there.kind] >= WEIGHT[kind]) continue;
    marks.set(place, { at: place / (places - 1), kind });
  }
  return [...marks.values()];
}
