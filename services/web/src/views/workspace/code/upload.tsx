import { Files } from "lucide-react";
import { type FormEvent, useState } from "react";

import { count } from "../../../project/state";
import { MAX_ASSET_BYTES, uploadFile } from "../../../server/files-api";
import { Button } from "../../../ui/button";
import { Dialog } from "../../../ui/dialog";
import { DropField } from "../../../ui/drop-field";
import { Field } from "../../../ui/field";
import { Notice } from "../../../ui/notice";
import { sizeOf } from "../../../units";
import type { Desk } from "../use-desk";

interface UploadProps {
  desk: Desk;
  onClose: () => void;
}

/** Brings files from a disk into the project, one after the other. */
export function Upload({ desk, onClose }: UploadProps) {
  const [chosen, setChosen] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const folder = String(data.get("folder")).trim().replaceAll(/^\/+|\/+$/g, "");
    const files = data.getAll("files").filter((file) => file instanceof File);
    const large = files.find((file) => file.size > MAX_ASSET_BYTES);
    if (large !== undefined) {
      setProblem(`${large.name} has ${sizeOf(large.size)}; a file may have ${sizeOf(MAX_ASSET_BYTES)}.`);
      return;
    }
    setBusy(true);
    try {
      for (const file of files) {
        const path = folder === "" ? file.name : `${folder}/${file.name}`;
        // One after the other: what was refused is then the last that was tried.
        // oxlint-disable-next-line no-await-in-loop
        await uploadFile(desk.projectId, path, file);
        desk.openFile(path);
      }
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "This could not be sent.");
      setBusy(false);
    }
  };
  return (
    <Dialog title="Upload files" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="space-y-5">
        <DropField
          icon={Files}
          title={chosen === "" ? "Drop files here, or choose some" : chosen}
          about={`Up to ${sizeOf(MAX_ASSET_BYTES)} each`}
          name="files"
          multiple
          required
          onChange={(event) => setChosen(namesOf(event.target.files))}
          testId="upload-files"
        />
        <Field
          label="Folder"
          name="folder"
          defaultValue="public"
          autoComplete="off"
          hint="Most apps serve what lies in public as it is."
        />
        {problem !== null && <Notice>{problem}</Notice>}
        <div className="flex justify-end gap-2">
          <Button look="outline" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={busy} data-testid="upload-submit">
            Upload
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What was chosen, as one line. */
function namesOf(files: FileList | null): string {
  const [first, ...others] = files ?? [];
  if (first === undefined) return "";
  return others.length === 0 ? first.name : `${first.name} and ${count(others.length, "other")}`;
}
