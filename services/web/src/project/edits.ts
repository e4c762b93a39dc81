/**
 * What somebody has typed and not saved yet, as pure steps.
 *
 * An edit remembers the recorded content that it began with. As long as that is still the recorded
 * one, saving is safe; where it is not, both versions are shown and a person decides.
 */

import type { FileEntry } from "./state";

export interface Edit {
  readonly path: string;
  /** The recorded content that *text* is a change of; null for a file that is new. */
  readonly base: string | null;
  readonly text: string;
  /** What was given to the server and is not in the log yet, as far as this page has read it. */
  readonly sent: string | null;
  /** The server has not answered yet. */
  readonly saving: boolean;
  /** Why the last try to save did not work. */
  readonly problem: string | null;
}

export type EditState =
  /** The server has taken it in; the log will show it. */
  | "saved"
  | "saving"
  | "changed"
  /** The file has become another one meanwhile. */
  | "conflict";

export type Edits = ReadonlyMap<string, Edit>;

export const NO_EDITS: Edits = new Map();

/** What is on record of *path*; null where there is nothing. */
export function recordedOf(files: ReadonlyMap<string, FileEntry>, path: string): string | null {
  return files.get(path)?.recorded ?? null;
}

export function editState(edit: Edit, recorded: string | null): EditState {
  if (edit.saving) return "saving";
  if (recorded === edit.text) return "saved";
  if (recorded === edit.base || recorded === edit.sent) {
    return edit.sent === edit.text ? "saved" : "changed";
  }
  return "conflict";
}

/** *text* was typed into *path*, whose recorded content is *recorded*. */
export function typed(edits: Edits, path: string, recorded: string | null, text: string): Edits {
  const edit = edits.get(path);
  if (text === recorded && edit?.saving !== true) return without(edits, path);
  const begun = edit ?? { path, base: recorded, sent: null, saving: false };
  return withEdit(edits, { ...begun, text, problem: null });
}

/** Saving what is typed in *path* has begun. */
export function saving(edits: Edits, path: string): Edits {
  return changed(edits, path, (edit) => ({
    ...edit,
    sent: edit.text,
    saving: true,
    problem: null,
  }));
}

/** The server has taken in what was sent. */
export function saved(edits: Edits, path: string): Edits {
  return changed(edits, path, (edit) => ({ ...edit, saving: false }));
}

/** The server has refused it, or could not be asked. */
export function notSaved(edits: Edits, path: string, problem: string): Edits {
  return changed(edits, path, (edit) => ({ ...edit, sent: null, saving: false, problem }));
}

/** The difference to *recorded* is known and wanted. */
export function rebased(edits: Edits, path: string, recorded: string | null): Edits {
  return changed(edits, path, (edit) => ({
    ...edit,
    base: recorded,
    sent: null,
    problem: null,
  }));
}

export function without(edits: Edits, path: string): Edits {
  if (!edits.has(path)) return edits;
  const next = new Map(edits);
  next.delete(path);
  return next;
}

/** What is on record needs no edit; the same map where nothing has arrived. */
export function settled(edits: Edits, files: ReadonlyMap<string, FileEntry>): Edits {
  let next = edits;
  for (const [path, edit] of edits) {
    const recorded = recordedOf(files, path);
    if (recorded === null) continue;
    if (recorded === edit.text) next = without(next, path);
    else if (recorded === edit.sent && recorded !== edit.base) {
      next = rebased(next, path, recorded);
    }
  }
  return next;
}

function changed(edits: Edits, path: string, change: (edit: Edit) => Edit): Edits {
  const edit = edits.get(path);
  return edit === undefined ? edits : withEdit(edits, change(edit));
}

function withEdit(edits: Edits, edit: Edit): Edits {
  return new Map(edits).set(edit.path, edit);
}
