/** Holds the unsaved edits of a project, keeps them through reloads, and saves them. */

import {
  type Edit,
  type Edits,
  NO_EDITS,
  notSaved,
  rebased,
  saved,
  saving,
  settled,
  typed,
  without,
} from "./edits";
import type { FileEntry } from "./state";

const PREFIX = "atelier.edit.";
/** Typing is kept a moment after it paused, not with each key. */
const KEEP_MS = 300;

/** *before* is what the server is thought to have; null where it has no such file. */
export type SaveFile = (path: string, content: string, before: string | null) => Promise<unknown>;

export class EditStore {
  readonly #prefix: string;
  readonly #storage: Storage;
  readonly #save: SaveFile;
  readonly #listeners = new Set<() => void>();
  readonly #kept: Map<string, Edit>;
  #edits: Edits;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(projectId: string, storage: Storage, save: SaveFile) {
    this.#prefix = `${PREFIX}${projectId}.`;
    this.#storage = storage;
    this.#save = save;
    this.#kept = read(storage, this.#prefix);
    this.#edits = this.#kept.size === 0 ? NO_EDITS : new Map(this.#kept);
  }

  readonly snapshot = (): Edits => this.#edits;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  type(path: string, recorded: string | null, text: string): void {
    this.#set(typed(this.#edits, path, recorded, text));
  }

  /** Gives up what was typed in *path*. */
  discard(path: string): void {
    this.#set(without(this.#edits, path));
  }

  /** Takes *recorded* as known, so that saving replaces it. */
  rebase(path: string, recorded: string | null): void {
    this.#set(rebased(this.#edits, path, recorded));
  }

  /** Forgets what the log shows by now. */
  settle(files: ReadonlyMap<string, FileEntry>): void {
    this.#set(settled(this.#edits, files));
  }

  async save(path: string): Promise<void> {
    const edit = this.#edits.get(path);
    if (edit === undefined || edit.saving) return;
    this.#set(saving(this.#edits, path));
    try {
      await this.#save(path, edit.text, edit.sent ?? edit.base);
      this.#set(saved(this.#edits, path));
    } catch (error) {
      const problem = error instanceof Error ? error.message : "This could not be saved.";
      this.#set(notSaved(this.#edits, path, problem));
    }
  }

  /** Writes down at once what was typed. */
  keep(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      for (const path of this.#kept.keys()) {
        if (!this.#edits.has(path)) this.#storage.removeItem(this.#prefix + path);
      }
      for (const [path, edit] of this.#edits) {
        if (this.#kept.get(path) === edit) continue;
        const { base, text } = edit;
        this.#storage.setItem(this.#prefix + path, JSON.stringify({ base, text }));
      }
    } catch {
      // The browser gives no more room: this page alone holds the edits then.
    }
    this.#kept.clear();
    for (const [path, edit] of this.#edits) this.#kept.set(path, edit);
  }

  #set(edits: Edits): void {
    if (edits === this.#edits) return;
    this.#edits = edits;
    this.#timer ??= setTimeout(() => this.keep(), KEEP_MS);
    for (const listener of this.#listeners) listener();
  }
}

/** Whether this browser holds edits that were not saved, of any project. */
export function hasKeptEdits(storage: Storage): boolean {
  return keys(storage).some((key) => key.startsWith(PREFIX));
}

/** What was typed belongs to who typed it: nothing of it stays for the next person. */
export function forgetEdits(storage: Storage): void {
  for (const key of keys(storage)) if (key.startsWith(PREFIX)) storage.removeItem(key);
}

function keys(storage: Storage): string[] {
  return Array.from({ length: storage.length }, (_, at) => storage.key(at) ?? "");
}

function read(storage: Storage, prefix: string): Map<string, Edit> {
  const edits = new Map<string, Edit>();
  for (const key of keys(storage)) {
    if (!key.startsWith(prefix)) continue;
    const path = key.slice(prefix.length);
    const edit = parse(path, storage.getItem(key) ?? "");
    if (edit !== null) edits.set(path, edit);
  }
  return edits;
}

function parse(path: string, text: string): Edit | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    if (!("text" in value) || typeof value.text !== "string" || !("base" in value)) return null;
    const base = typeof value.base === "string" ? value.base : null;
    return { path, base, text: value.text, sent: null, saving: false, problem: null };
  } catch {
    return null;
  }
}
