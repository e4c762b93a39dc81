import { AlignLeft, Check, Copy, Crosshair, GitCompare, Save, Undo2 } from "lucide-react";
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from "react";

import { recall, remember } from "../../../memory";
import { editState, type EditState, recordedOf } from "../../../project/edits";
import type { Problem } from "../../../project/problems";
import { count, isRunning, standingOf, textOf } from "../../../project/state";
import { Button, IconButton, Spinner } from "../../../ui/button";
import { Notice } from "../../../ui/notice";
import type { Desk } from "../use-desk";
import { BinaryFile } from "./binary-file";
import { Conflict } from "./conflict";
import { DeleteButton } from "./delete-file";

const CodeView = lazy(() => import("./code-view"));

const PLAIN = "atelier.plainText";
const NONE: readonly Problem[] = [];

interface ShownFileProps {
  desk: Desk;
  path: string;
  wide: boolean;
}

/** One file: to be read while it is written, to be changed otherwise. */
export function ShownFile({ desk, path, wide }: ShownFileProps) {
  const { project, past, edits } = desk;
  const [plain, setPlain] = useState(() => recall(PLAIN) !== null);
  const file = project.files.get(path);
  const edit = past ? undefined : edits.edits.get(path);
  const recorded = recordedOf(project.files, path);
  const onType = useCallback(
    (typedPath: string, text: string) => {
      const { files } = desk.link.project;
      desk.edits.store.type(typedPath, recordedOf(files, typedPath), text);
      // A file that somebody works on is not to be left for another.
      if (!desk.files.tabs.includes(typedPath) || desk.files.following) desk.files.open(typedPath);
    },
    [desk],
  );
  const toggle = () => {
    remember(PLAIN, plain ? null : true);
    setPlain(!plain);
  };
  if (file === undefined && edit === undefined) {
    const purpose = desk.leaves.get(path)?.purpose ?? "";
    return <Empty>{`Not written yet. ${purpose}`}</Empty>;
  }
  if (file?.binary === true && file.recorded !== null) {
    return (
      <>
        <div className="flex h-10 shrink-0 items-center justify-end border-b border-line px-2">
          {!past && <DeleteButton desk={desk} path={path} />}
        </div>
        <BinaryFile path={path} content={file.recorded} />
      </>
    );
  }
  const state = edit === undefined ? null : editState(edit, recorded);
  const writing = file !== undefined && file.draft !== null;
  const text = edit?.text ?? (file === undefined ? "" : textOf(file));
  return (
    <>
      <Toolbar desk={desk} path={path} text={text} state={state} writing={writing} wide={wide}>
        <IconButton
          label="Plain text"
          aria-pressed={plain}
          onClick={toggle}
          data-testid="plain-text"
          className="aria-pressed:bg-accent-soft aria-pressed:text-accent"
        >
          <AlignLeft aria-hidden size={16} />
        </IconButton>
      </Toolbar>
      {edit !== undefined && edit.problem !== null && (
        <div className="border-b border-line p-2">
          <Notice
            testId="save-problem"
            actions={
              <Button size="small" onClick={() => void edits.store.save(path)}>
                Try again
              </Button>
            }
          >
            {edit.problem}
          </Notice>
        </div>
      )}
      {edit !== undefined && writing && (
        <p className="border-b border-line bg-chalk-soft px-4 py-1.5 text-sm">
          The agent is writing this file. What you typed is kept beside it.
        </p>
      )}
      {state === "conflict" && edit !== undefined ? (
        <Conflict key={path} desk={desk} edit={edit} recorded={recorded} narrow={!wide} />
      ) : plain ? (
        <pre
          role="region"
          tabIndex={0}
          data-testid="code-text"
          data-path={path}
          aria-label={path}
          className="min-h-0 flex-1 overflow-auto px-4 py-3 font-mono text-[0.8125rem] leading-5 outline-offset-[-2px]"
        >
          {text}
        </pre>
      ) : (
        <Suspense fallback={<Opening />}>
          <CodeView
            path={path}
            text={text}
            growing={writing && edit === undefined}
            editable={!past && (!writing || edit !== undefined)}
            reveal={desk.reveal}
            problems={past ? NONE : (desk.problems.get(path) ?? NONE)}
            onType={onType}
          />
        </Suspense>
      )}
    </>
  );
}

export function Opening() {
  return (
    <p role="status" className="m-auto flex items-center gap-2 text-muted">
      <Spinner /> Opening the file
    </p>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return (
    <p className="m-auto max-w-sm px-6 text-center text-muted" data-testid="code-empty">
      {children}
    </p>
  );
}

interface ToolbarProps {
  desk: Desk;
  path: string;
  text: string;
  state: EditState | null;
  writing: boolean;
  wide: boolean;
  children: ReactNode;
}

function Toolbar({ desk, path, text, state, writing, wide, children }: ToolbarProps) {
  const { project, past, files, edits } = desk;
  const running = isRunning(standingOf(project).currentState);
  const versions = project.files.get(path)?.recorded != null;
  return (
    <div className="flex h-10 shrink-0 items-center gap-1 border-b border-line pr-2 pl-4">
      {wide ? (
        <p className="min-w-0 flex-1 truncate font-mono text-[0.8125rem]" data-testid="code-path">
          {path}
        </p>
      ) : (
        <span className="flex-1" />
      )}
      <Said state={state} writing={writing} text={text} />
      {running && !past && !files.following && state === null && (
        <Button
          look="quiet"
          size="small"
          icon={<Crosshair aria-hidden size={15} />}
          onClick={files.follow}
          data-testid="follow"
        >
          Follow
        </Button>
      )}
      {(state === "changed" || state === "saving") && (
        <>
          <IconButton
            label="Discard your changes"
            onClick={() => edits.store.discard(path)}
            disabled={state === "saving"}
            data-testid="discard-edit"
          >
            <Undo2 aria-hidden size={16} />
          </IconButton>
          <Button
            size="tiny"
            icon={<Save aria-hidden size={15} />}
            busy={state === "saving"}
            onClick={desk.saveShown}
            title="Save (Ctrl+S)"
            data-testid="save-file"
          >
            Save
          </Button>
        </>
      )}
      {versions && (
        <IconButton
          label="Compare with another version"
          onClick={() => desk.compare({ path, before: "previous", after: past ? "shown" : "now" })}
          data-testid="compare-open"
        >
          <GitCompare aria-hidden size={16} />
        </IconButton>
      )}
      {children}
      <CopyButton text={text} />
      {versions && !past && !running && <DeleteButton desk={desk} path={path} />}
    </div>
  );
}

function Said({
  state,
  writing,
  text,
}: {
  state: EditState | null;
  writing: boolean;
  text: string;
}) {
  const said = writing ? "Being written" : state === null ? "" : SAID[state];
  return (
    <>
      <span role="status" data-testid="file-state" className="px-1 text-xs font-semibold text-chalk">
        {said}
      </span>
      {said === "" && (
        <span className="px-1 text-xs whitespace-nowrap text-muted tabular-nums">
          {count(lines(text), "line")}
        </span>
      )}
    </>
  );
}

const SAID: Record<EditState, string> = {
  saved: "",
  saving: "Saving",
  changed: "Not saved",
  conflict: "Changed twice",
};

function lines(text: string): number {
  if (text === "") return 0;
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

const COPIED_MS = 1_500;

function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), COPIED_MS);
  };
  // Browsers offer the clipboard on secure origins only, localhost among them.
  if (!("clipboard" in navigator)) return null;
  return (
    <IconButton label={copied ? "Copied" : "Copy the file"} onClick={() => void copy()}>
      {copied ? <Check aria-hidden size={16} /> : <Copy aria-hidden size={16} />}
    </IconButton>
  );
}
