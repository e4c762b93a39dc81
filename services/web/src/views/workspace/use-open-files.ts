import { useCallback, useEffect, useMemo, useState } from "react";

import { recall, remember } from "../../memory";
import type { ProjectState } from "../../project/state";

/** Which files are open in tabs, and which one is shown. */
export interface OpenFiles {
  /** In the order in which they were opened. */
  readonly tabs: readonly string[];
  /** The file that is shown; null where there is none. */
  readonly shown: string | null;
  /** What is shown is what is being written. */
  readonly following: boolean;
  readonly open: (path: string) => void;
  readonly close: (path: string) => void;
  readonly follow: () => void;
}

interface Kept {
  readonly tabs: readonly string[];
  /** What somebody has chosen, until the next run begins. */
  readonly pick: { readonly path: string; readonly runs: number } | null;
}

const EMPTY: Kept = { tabs: [], pick: null };

/**
 * The tabs of a project, remembered by this browser.
 *
 * *exists* tells which paths can be shown. Where nothing is chosen, the file that was written last
 * is shown; a choice holds until the next run, or for good where *held* says so of its path.
 */
export function useOpenFiles(
  projectId: string,
  project: ProjectState,
  exists: (path: string) => boolean,
  held: (path: string) => boolean,
): OpenFiles {
  const key = `atelier.tabs.${projectId}`;
  const [kept, setKept] = useState(() => read(key));
  const { runs, touched, files } = project;

  useEffect(() => remember(key, kept), [key, kept]);
  const open = useCallback(
    (path: string) =>
      setKept(({ tabs }) => ({
        tabs: tabs.includes(path) ? tabs : [...tabs, path],
        pick: { path, runs },
      })),
    [runs],
  );
  const close = useCallback(
    (path: string) =>
      setKept(({ tabs, pick }) => {
        const at = tabs.indexOf(path);
        const rest = tabs.filter((tab) => tab !== path);
        const next = rest[Math.min(at, rest.length - 1)];
        if (pick?.path !== path) return { tabs: rest, pick };
        return { tabs: rest, pick: next === undefined ? null : { path: next, runs } };
      }),
    [runs],
  );
  const follow = useCallback(() => setKept(({ tabs }) => ({ tabs, pick: null })), []);

  const { pick } = kept;
  const valid = pick !== null && exists(pick.path) && (pick.runs === runs || held(pick.path));
  const written = touched !== null && exists(touched) ? touched : null;
  const shown = valid ? pick.path : (written ?? [...files.keys()].at(-1) ?? null);
  const tabs = useMemo(() => kept.tabs.filter(exists), [kept.tabs, exists]);
  return { tabs, shown, following: !valid, open, close, follow };
}

function read(key: string): Kept {
  const value = recall(key);
  if (typeof value !== "object" || value === null || !("tabs" in value)) return EMPTY;
  const tabs = Array.isArray(value.tabs)
    ? value.tabs.filter((tab): tab is string => typeof tab === "string")
    : [];
  const pick = "pick" in value ? (value.pick as Kept["pick"]) : null;
  const fits = typeof pick?.path === "string" && typeof pick.runs === "number";
  return { tabs, pick: fits ? pick : null };
}
