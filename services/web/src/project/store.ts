/** Holds the state of the project on the screen; folds what arrived once per frame. */

import type { ClientMessage, ServerMessage } from "../contract";
import { ProjectSocket, socketUrl, type SocketStatus } from "../server/socket";
import { foldAll } from "./fold";
import { History } from "./history";
import { INITIAL, type LogLine, type ProjectState } from "./state";

export interface Snapshot {
  readonly project: ProjectState;
  readonly status: SocketStatus;
}

/** Frames stop in a tab that is not shown; its state must not wait for them. */
const HIDDEN_FLUSH_MS = 250;

export class ProjectStore {
  /** Everything on record that has arrived; grows in place. */
  readonly history = new History();
  readonly #listeners = new Set<() => void>();
  readonly #socket: ProjectSocket;
  #snapshot: Snapshot;
  #queue: ServerMessage[] = [];
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** *logs* is what is left of an earlier page. */
  constructor(projectId: string, origin: string, logs: readonly LogLine[] = []) {
    const project = { ...INITIAL, logs };
    this.#snapshot = { project, status: { kind: "connecting", attempt: 0 } };
    this.#socket = new ProjectSocket({
      url: (after) => socketUrl(origin, projectId, after),
      after: () => {
        this.flush();
        return this.#snapshot.project.lastSeq;
      },
      onMessage: (message) => {
        this.#queue.push(message);
        this.#schedule();
      },
      onStatus: (status) => {
        this.flush();
        this.#set({ ...this.#snapshot, status });
      },
    });
  }

  readonly snapshot = (): Snapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  open(): void {
    this.#socket.connect();
  }

  close(): void {
    this.#cancel();
    this.#socket.close();
  }

  send(message: ClientMessage): boolean {
    return this.#socket.send(message);
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  /** Folds what is waiting. */
  flush(): void {
    this.#cancel();
    if (this.#queue.length === 0) return;
    const messages = this.#queue;
    this.#queue = [];
    for (const message of messages) this.history.add(message);
    const project = foldAll(this.#snapshot.project, messages);
    this.#set({ ...this.#snapshot, project });
    if (project.gap) this.#socket.resume();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#frame = requestAnimationFrame(() => this.flush());
    this.#timer = setTimeout(() => this.flush(), HIDDEN_FLUSH_MS);
  }

  #cancel(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #set(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}
