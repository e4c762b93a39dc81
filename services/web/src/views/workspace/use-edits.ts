import { useEffect, useMemo, useSyncExternalStore } from "react";

import { EditStore } from "../../project/edit-store";
import type { Edits } from "../../project/edits";
import type { ProjectState } from "../../project/state";
import { saveFile } from "../../server/files-api";

/** What is typed and not saved, and what can be done with it. */
export interface EditLink {
  readonly edits: Edits;
  readonly store: EditStore;
}

export function useEdits(projectId: string, project: ProjectState): EditLink {
  const store = useMemo(
    () =>
      new EditStore(projectId, localStorage, (path, content, before) =>
        saveFile(projectId, path, content, before),
      ),
    [projectId],
  );
  const edits = useSyncExternalStore(store.subscribe, store.snapshot);

  useEffect(() => store.settle(project.files), [store, project.files]);
  useEffect(() => {
    const keep = () => store.keep();
    window.addEventListener("pagehide", keep);
    return () => {
      window.removeEventListener("pagehide", keep);
      keep();
    };
  }, [store]);
  return useMemo(() => ({ edits, store }), [edits, store]);
}
