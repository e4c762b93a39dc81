import { Trash2 } from "lucide-react";
import { useState } from "react";

import { deleteFile } from "../../../server/files-api";
import { Button, IconButton } from "../../../ui/button";
import { Dialog } from "../../../ui/dialog";
import { Notice } from "../../../ui/notice";
import type { Desk } from "../use-desk";

interface DeleteFileProps {
  desk: Desk;
  path: string;
  onClose: () => void;
}

/** Offers to delete a file. */
export function DeleteButton({ desk, path }: { desk: Desk; path: string }) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <IconButton label="Delete the file" onClick={() => setAsking(true)} data-testid="delete-file">
        <Trash2 aria-hidden size={16} />
      </IconButton>
      {asking && <DeleteFile desk={desk} path={path} onClose={() => setAsking(false)} />}
    </>
  );
}

/** Asks before a file goes; the timeline and its versions still have it. */
function DeleteFile({ desk, path, onClose }: DeleteFileProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    setBusy(true);
    try {
      await deleteFile(desk.projectId, path);
      desk.edits.store.discard(path);
      desk.files.close(path);
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "This could not be deleted.");
      setBusy(false);
    }
  };
  return (
    <Dialog title="Delete the file" onClose={onClose}>
      <p className="mb-5 text-muted">
        <span className="font-mono text-sm break-all text-ink">{path}</span> goes from the project
        and from the app that runs. The timeline keeps what was in it.
      </p>
      {problem !== null && (
        <div className="mb-4">
          <Notice>{problem}</Notice>
        </div>
      )}
      <div className="flex justify-end gap-2">
        <Button look="outline" onClick={onClose}>
          Keep it
        </Button>
        <Button look="danger" busy={busy} onClick={() => void remove()} data-testid="delete-file-confirm">
          Delete
        </Button>
      </div>
    </Dialog>
  );
}
