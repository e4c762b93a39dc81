/**
 * Everything that is on record of a project, and the state after each event.
 *
 * The state at a moment is the fold of all events up to it. Some of these states are kept, so that
 * moving through a long history folds a bounded number of events each time.
 */

import type { ServerMessage } from "../contract";
import { fold } from "./fold";
import { INITIAL, type ProjectState } from "./state";

/** A file as it was written once. */
export interface Version {
  readonly seq: number;
  /** In base64 where the file is no text; empty where it was deleted. */
  readonly content: string;
  readonly by: "agent" | "person";
  readonly what: "written" | "deleted" | "not taken";
  /** When; null where the server did not say. */
  readonly at: string | null;
}

/** Between two states that are kept. */
const STRIDE = 64;

/** In the past the server's answer is not waited for. */
const START: ProjectState = { ...INITIAL, known: true };

export class History {
  /** The message with seq *n* is at *n* - 1. */
  readonly #messages: ServerMessage[] = [];
  /** The state after *n* * STRIDE messages, as far as anybody has asked. */
  readonly #kept: ProjectState[] = [START];
  /** The state that was asked for last: the next one is often near. */
  #last: ProjectState = START;

  /** How many events are on record; the seq of the last one. */
  get length(): number {
    return this.#messages.length;
  }

  /** Takes *message* in where it is the next one on record. */
  add(message: ServerMessage): void {
    if ("seq" in message && message.seq === this.#messages.length + 1) this.#messages.push(message);
  }

  /** The event with *seq*. */
  event(seq: number): ServerMessage | undefined {
    return this.#messages[seq - 1];
  }

  /** Every event, oldest first. */
  events(): readonly ServerMessage[] {
    return this.#messages;
  }

  /** The project after the event with *seq*; 0 is before the first one. */
  at(seq: number): ProjectState {
    const target = Math.max(0, Math.min(seq, this.length));
    const block = Math.floor(target / STRIDE);
    while (this.#kept.length <= block) {
      const from = this.#kept.at(-1) ?? START;
      this.#kept.push(this.#fold(from, from.lastSeq + STRIDE));
    }
    const base = this.#kept[block] ?? START;
    const near = this.#last.lastSeq >= base.lastSeq && this.#last.lastSeq <= target;
    this.#last = this.#fold(near ? this.#last : base, target);
    return this.#last;
  }

  /** Every content that *path* has had, oldest first, with those that gave way to a person's. */
  versions(path: string): Version[] {
    const found: Version[] = [];
    for (const message of this.#messages) {
      const one = versionOf(message, path);
      if (one !== null) found.push(one);
    }
    return found;
  }

  #fold(state: ProjectState, seq: number): ProjectState {
    return this.#messages.slice(state.lastSeq, seq).reduce(fold, state);
  }
}

function versionOf(message: ServerMessage, path: string): Version | null {
  switch (message.type) {
    case "file_end": {
      const { author, content } = message.data;
      return message.data.path === path ? version(message, content, author, "written") : null;
    }
    case "file_deleted":
      return message.data.path === path
        ? version(message, "", message.data.author, "deleted")
        : null;
    case "file_conflict":
      return message.data.path === path
        ? version(message, message.data.content, "agent", "not taken")
        : null;
    default:
      return null;
  }
}

function version(
  message: { seq?: number; at?: string },
  content: string,
  author: "agent" | "user",
  what: Version["what"],
): Version {
  const by = author === "user" ? "person" : "agent";
  return { seq: message.seq ?? 0, content, by, what, at: message.at ?? null };
}
