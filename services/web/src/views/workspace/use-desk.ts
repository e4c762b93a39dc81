import { useCallback, useMemo, useState } from "react";

import { editState, type Edits, NO_EDITS, recordedOf } from "../../project/edits";
import type { History } from "../../project/history";
import type { Problem } from "../../project/problems";
import { currentPhase, isRunning, type ProjectState, standingOf } from "../../project/state";
import type { Reveal } from "./code/code-view";
import type { Leaf } from "./code/file-tree";
import { type EditLink, useEdits } from "./use-edits";
import { type OpenFiles, useOpenFiles } from "./use-open-files";
import type { ProjectLink } from "./use-project";

/**
 * A moment of a file: a seq, what it is now (with what is typed), what is shown on the timeline, or
 * the version before what it is compared with.
 */
export type Moment = number | "now" | "shown" | "previous";

/** One file at two moments. */
export interface Comparing {
  readonly path: string;
  readonly before: Moment;
  readonly after: Moment;
}

export type SidePanel = "files" | "search";

/** What lies on the desk of the workspace: files, edits, and what is looked at. */
export interface Desk {
  readonly projectId: string;
  readonly link: ProjectLink;
  readonly history: History;
  /** What is shown: the project as it is, or as it was. */
  readonly project: ProjectState;
  /** It is shown as it was: nothing can be changed. */
  readonly past: boolean;
  readonly edits: EditLink;
  /** What is wrong, by file. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
  /** Files that are there and that are going to be written. */
  readonly leaves: ReadonlyMap<string, Leaf>;
  readonly files: OpenFiles;
  readonly reveal: Reveal | null;
  readonly comparing: Comparing | null;
  readonly side: SidePanel;
  readonly setSide: (side: SidePanel) => void;
  /** Shows a file, at *place* where one is given. */
  readonly openFile: (path: string, place?: Omit<Reveal, "path">) => void;
  readonly compare: (comparing: Comparing | null) => void;
  /** Saves the file that is shown. */
  readonly saveShown: () => void;
}

/** The desk of a project at the moment that *project* is the state of. */
export function useDesk(
  projectId: string,
  link: ProjectLink,
  project: ProjectState,
  problems: readonly Problem[],
): Desk {
  const edits = useEdits(projectId, link.project);
  const past = project !== link.project;
  const leaves = useLeaves(project, past ? NO_EDITS : edits.edits);
  const [reveal, setReveal] = useState<Reveal | null>(null);
  const [comparing, compare] = useState<Comparing | null>(null);
  const [side, setSide] = useState<SidePanel>("files");
  const exists = useCallback((path: string) => leaves.has(path), [leaves]);
  const held = useCallback((path: string) => edits.edits.has(path), [edits]);
  const files = useOpenFiles(projectId, project, exists, held);

  const { open, shown } = files;
  const openFile = useCallback(
    (path: string, place?: Omit<Reveal, "path">) => {
      open(path);
      compare(null);
      if (place !== undefined) setReveal({ path, ...place });
    },
    [open],
  );
  const saveShown = useCallback(() => {
    const edit = shown === null ? undefined : edits.edits.get(shown);
    if (edit === undefined) return;
    // Replacing what somebody else has written is asked for where both are seen.
    const state = editState(edit, recordedOf(link.project.files, edit.path));
    if (state === "changed") void edits.store.save(edit.path);
  }, [edits, shown, link.project.files]);

  const byPath = useMemo(
    () => Map.groupBy(problems.filter(({ path }) => path !== null), ({ path }) => path ?? ""),
    [problems],
  );
  const { history } = link;
  return useMemo(
    () => ({
      projectId,
      link,
      history,
      project,
      past,
      edits,
      problems: byPath,
      leaves,
      files,
      reveal,
      comparing,
      side,
      setSide,
      openFile,
      compare,
      saveShown,
    }),
    [projectId, link, history, project, past, edits, byPath, leaves, files, reveal, comparing, side, openFile, saveShown],
  );
}

function useLeaves(project: ProjectState, edits: Edits): ReadonlyMap<string, Leaf> {
  const { files, writing } = project;
  const phase = isRunning(standingOf(project).currentState) ? currentPhase(project) : null;
  return useMemo(() => {
    const leaves = new Map<string, Leaf>();
    for (const file of phase?.files ?? []) {
      leaves.set(file.path, { progress: "planned", purpose: file.purpose, edited: false });
    }
    for (const path of files.keys()) {
      const progress = path === writing ? "writing" : "written";
      const purpose = leaves.get(path)?.purpose ?? "";
      leaves.set(path, { progress, purpose, edited: false });
    }
    for (const [path, edit] of edits) {
      const leaf = leaves.get(path) ?? { progress: "written", purpose: "" };
      leaves.set(path, { ...leaf, edited: edit.text !== recordedOf(files, path) });
    }
    return leaves;
  }, [files, writing, phase, edits]);
}
