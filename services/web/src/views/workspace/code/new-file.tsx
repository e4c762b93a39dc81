import { type FormEvent, useState } from "react";

import { Button } from "../../../ui/button";
import { Dialog } from "../../../ui/dialog";
import { Field } from "../../../ui/field";
import { Notice } from "../../../ui/notice";
import type { Desk } from "../use-desk";

interface NewFileProps {
  desk: Desk;
  onClose: () => void;
}

/** Asks where a new file goes; it is made when it is saved. */
export function NewFile({ desk, onClose }: NewFileProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const path = String(new FormData(event.currentTarget).get("path")).trim();
    const wrong = problemOf(path, desk);
    if (wrong !== null) {
      setProblem(wrong);
      return;
    }
    desk.edits.store.type(path, null, "");
    desk.openFile(path);
    onClose();
  };
  return (
    <Dialog title="New file" onClose={onClose}>
      <form onSubmit={submit} className="space-y-5">
        <Field
          label="Path"
          name="path"
          placeholder="src/colors.css"
          required
          maxLength={1024}
          autoComplete="off"
          hint="Folders are made as they are needed."
        />
        {problem !== null && <Notice>{problem}</Notice>}
        <div className="flex justify-end gap-2">
          <Button look="outline" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" data-testid="new-file-submit">
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function problemOf(path: string, desk: Desk): string | null {
  if (desk.leaves.has(path)) return "There is a file of this name already.";
  if (/^\/|\/$|\\|(^|\/)\.{0,2}(\/|$)/.test(path)) return "Give a path below the project, such as src/colors.css.";
  return null;
}
