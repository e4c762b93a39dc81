import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { FileArchive, FolderInput } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { type Imported, importProject, MAX_ZIP_BYTES, type Source } from "../server/import-api";
import { Button, Spinner } from "../ui/button";
import { Dialog } from "../ui/dialog";
import { DropField } from "../ui/drop-field";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import { sizeOf } from "../units";

type Kind = Source["kind"];

const KINDS: Record<Kind, string> = { zip: "Zip file", git: "Git repository" };

/** The button beside the title of the projects, and its dialog, which the address opens. */
export function ImportProject({ open }: { open: boolean }) {
  const navigate = useNavigate();
  return (
    <>
      <Button
        look="outline"
        size="small"
        icon={<FolderInput aria-hidden size={16} />}
        onClick={() => void navigate({ to: "/projects", search: { import: true } })}
        data-testid="import-open"
      >
        Import
      </Button>
      {open && (
        <ImportDialog onClose={() => void navigate({ to: "/projects", replace: true })} />
      )}
    </>
  );
}

function ImportDialog({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [kind, setKind] = useState<Kind>("zip");
  const [file, setFile] = useState<File | null>(null);
  const [unfit, setUnfit] = useState<string | null>(null);
  const [sent, setSent] = useState(0);
  const stop = useRef<AbortController | null>(null);
  // Whoever closes the dialog does not want what is still on its way.
  useEffect(() => () => stop.current?.abort(), []);
  const show = ({ project }: Imported) =>
    void navigate({
      to: "/projects/$projectId",
      params: { projectId: project.id },
      replace: true,
    });
  const bring = useMutation({
    mutationFn: (source: Source) => {
      stop.current = new AbortController();
      setSent(0);
      return importProject(source, { signal: stop.current.signal, onSent: setSent });
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["projects"] }),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const source = sourceOf(kind, file, new FormData(event.currentTarget));
    setUnfit(typeof source === "string" ? source : null);
    if (typeof source === "string") return;
    // Told to this call alone, these do not come once the dialog is closed.
    bring.mutate(source, {
      onSuccess: (imported) => imported.leftOut.length === 0 && show(imported),
    });
  };
  const problem = unfit ?? bring.error?.message ?? null;
  if (bring.data !== undefined && bring.data.leftOut.length > 0) {
    return <LeftOut imported={bring.data} onClose={onClose} onOpen={show} />;
  }
  return (
    <Dialog title="Import a project" onClose={onClose}>
      <form onSubmit={submit} className="space-y-5" data-testid="import">
        <Ways kind={kind} onChoose={setKind} disabled={bring.isPending} />
        {kind === "zip" ? (
          <DropField
            icon={FileArchive}
            title={file === null ? "Drop a zip file here, or choose one" : file.name}
            about={file === null ? `Up to ${sizeOf(MAX_ZIP_BYTES)}` : sizeOf(file.size)}
            accept=".zip,application/zip"
            disabled={bring.isPending}
            onChange={(event) => setFile(event.target.files?.[0] ?? file)}
            testId="import-file"
          />
        ) : (
          <Repository disabled={bring.isPending} />
        )}
        {problem !== null && !bring.isPending && <Notice testId="import-problem">{problem}</Notice>}
        <Progress step={bring.isPending ? stepOf(kind, sent) : null} sent={sent} />
        <div className="flex justify-end gap-2">
          <Button look="outline" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={bring.isPending} data-testid="import-submit">
            Import
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What is to be imported, or what is missing for that, in a sentence. */
function sourceOf(kind: Kind, file: File | null, form: FormData): Source | string {
  if (kind === "git") {
    const ref = String(form.get("ref")).trim();
    return { kind, url: String(form.get("url")).trim(), ref: ref === "" ? null : ref };
  }
  if (file === null) return "Choose a zip file first.";
  if (file.size > MAX_ZIP_BYTES) {
    return `${file.name} has ${sizeOf(file.size)}; a zip may have ${sizeOf(MAX_ZIP_BYTES)}.`;
  }
  return { kind, file };
}

type Step = "sending" | "unpacking" | "fetching";

const STEPS: Record<Step, string> = {
  sending: "Sending the zip",
  unpacking: "Unpacking the zip",
  fetching: "Fetching the repository",
};

function stepOf(kind: Kind, sent: number): Step {
  if (kind === "git") return "fetching";
  return sent < 1 ? "sending" : "unpacking";
}

/** Steps are read out; how far one is, only seen. */
function Progress({ step, sent }: { step: Step | null; sent: number }) {
  return (
    <>
      <p role="status" className="flex items-center gap-2 text-sm text-muted empty:hidden">
        {step !== null && (
          <>
            <Spinner />
            {STEPS[step]}
          </>
        )}
      </p>
      {step === "sending" && (
        <progress
          aria-label="Sent"
          value={sent}
          className="block h-1.5 w-full appearance-none overflow-hidden rounded-full bg-sunken [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-sunken [&::-webkit-progress-value]:bg-accent"
        />
      )}
    </>
  );
}

interface WaysProps {
  kind: Kind;
  onChoose: (kind: Kind) => void;
  disabled: boolean;
}

function Ways({ kind, onChoose, disabled }: WaysProps) {
  return (
    <fieldset disabled={disabled} className="grid grid-cols-2 gap-2">
      <legend className="sr-only">Where it comes from</legend>
      {(Object.keys(KINDS) as Kind[]).map((way) => (
        <label
          key={way}
          className="flex min-h-10 items-center gap-2.5 rounded-md border border-control px-3 text-sm font-medium has-checked:border-accent has-checked:bg-accent-soft"
        >
          <input
            type="radio"
            name="way"
            checked={kind === way}
            onChange={() => onChoose(way)}
            className="size-4 accent-accent"
          />
          {KINDS[way]}
        </label>
      ))}
    </fieldset>
  );
}

function Repository({ disabled }: { disabled: boolean }) {
  return (
    <fieldset disabled={disabled} className="space-y-4">
      <legend className="sr-only">Repository</legend>
      <Field
        label="URL"
        name="url"
        type="url"
        required
        maxLength={2000}
        autoComplete="off"
        placeholder="https://github.com/ada/todo.git"
        hint="Of a public repository, with https."
      />
      <Field label="Branch or tag (optional)" name="ref" maxLength={200} autoComplete="off" />
    </fieldset>
  );
}

interface LeftOutProps {
  imported: Imported;
  onClose: () => void;
  onOpen: (imported: Imported) => void;
}

/** The project is there; this says what of it is not. */
function LeftOut({ imported, onClose, onOpen }: LeftOutProps) {
  return (
    <Dialog title="Imported" onClose={onClose}>
      <p role="status" className="text-muted">
        {imported.files === 1 ? "1 file is" : `${imported.files} files are`} in the project. This
        was left out:
      </p>
      <ul
        // Scrolled with the keyboard where it is long.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-label="Left out"
        className="my-4 max-h-60 space-y-1.5 overflow-y-auto text-sm"
        data-testid="import-left-out"
      >
        {imported.leftOut.map(({ path, reason }) => (
          <li key={path} className="break-words">
            <code className="font-mono text-[0.8125rem]">{path}</code>
            <span className="text-muted"> · {reason}</span>
          </li>
        ))}
      </ul>
      <div className="flex justify-end">
        <Button onClick={() => onOpen(imported)} data-testid="import-show">
          Open the project
        </Button>
      </div>
    </Dialog>
  );
}
