/**
 * Everything that is on record of a project, and the state after each event.
 *
 * The state at a moment is the fold of all events up to it. Some of these states are kept, so that
 * moving through a long history folds a bounded number of events each time.
 */

import type { ServerMessage } from "./contract";
import { fold, INITIAL, isRunning, type ProjectState } from "./state";

/** A file as it was written once. */
export interface Version {
  readonly seq: number;
  readonly content: string;
  readonly by: "agent" | "person";
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

  /** Every content that *path* has had, oldest first. */
  versions(path: string): Version[] {
    const found: Version[] = [];
    let running = false;
    for (const [index, message] of this.#messages.entries()) {
      if (message.type === "state_update") running = isRunning(message.data.currentState);
      else if (message.type === "file_end" && message.data.path === path) {
        const by = running ? "agent" : "person";
        found.push({ seq: index + 1, content: message.data.content, by });
      }
    }
    return found;
  }

  #fold(state: ProjectState, seq: number): ProjectState {
    return this.#messages.slice(state.lastSeq, seq).reduce(fold, state);
  }
}
