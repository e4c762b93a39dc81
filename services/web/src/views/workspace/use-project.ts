import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import type { ClientMessage } from "../../contract";
import type { History } from "../../project/history";
import { keepLog, keptLog } from "../../project/kept-log";
import type { ProjectState } from "../../project/state";
import { ProjectStore, type Snapshot } from "../../project/store";
import type { SocketStatus } from "../../server/socket";

/** A project on the screen: what is known of it, and the way to say something. */
export interface ProjectLink {
  readonly projectId: string;
  readonly project: ProjectState;
  readonly status: SocketStatus;
  /** What *project* is the fold of; grows in place, with *project.lastSeq*. */
  readonly history: History;
  /** False where there is no connection; nothing is kept for later. */
  readonly send: (message: ClientMessage) => boolean;
  /** Says the last message again. */
  readonly sendAgain: () => void;
  readonly retryNow: () => void;
}

export function useProject(projectId: string): ProjectLink {
  const store = useMemo(
    () => new ProjectStore(projectId, location.origin, keptLog(projectId)),
    [projectId],
  );
  const last = useRef<ClientMessage | null>(null);

  useEffect(() => {
    store.open();
    const wake = () => {
      if (document.visibilityState === "visible") store.retryNow();
    };
    const keep = () => keepLog(projectId, store.snapshot().project.logs);
    window.addEventListener("online", wake);
    window.addEventListener("pagehide", keep);
    document.addEventListener("visibilitychange", wake);
    return () => {
      keep();
      window.removeEventListener("online", wake);
      window.removeEventListener("pagehide", keep);
      document.removeEventListener("visibilitychange", wake);
      store.close();
    };
  }, [store, projectId]);

  const snapshot: Snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const send = useCallback(
    (message: ClientMessage) => {
      last.current = message;
      return store.send(message);
    },
    [store],
  );
  const sendAgain = useCallback(() => {
    if (last.current !== null) store.send(last.current);
  }, [store]);
  const retryNow = useCallback(() => store.retryNow(), [store]);
  return useMemo(
    () => ({ projectId, ...snapshot, history: store.history, send, sendAgain, retryNow }),
    [projectId, snapshot, store, send, sendAgain, retryNow],
  );
}
