import { AlignLeft, Check, Copy, Crosshair } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";

import {
  count,
  currentPhase,
  type FileEntry,
  isRunning,
  type ProjectState,
  standingOf,
  textOf,
} from "../../state";
import { Button, IconButton, Spinner } from "../../ui/button";
import { INPUT_CLASS } from "../../ui/field";
import { FileTree, type Leaf } from "./file-tree";

const CodeView = lazy(() => import("./code-view"));

const PLAIN = "atelier.plainText";

interface CodePaneProps {
  project: ProjectState;
  wide: boolean;
}

export function CodePane({ project, wide }: CodePaneProps) {
  const leaves = useLeaves(project);
  const { path, choose, following, follow } = useSelection(project, leaves);
  const file = path === null ? undefined : project.files.get(path);
  const planned = path === null ? undefined : leaves.get(path);
  return (
    <div className="flex h-full min-h-0 bg-surface">
      {wide && (
        <div className="w-60 shrink-0 overflow-y-auto border-r border-line py-2">
          <FileTree leaves={leaves} selected={path} onSelect={choose} />
        </div>
      )}
      <div className="flex min-w-0 flex-1 flex-col">
        {!wide && leaves.size > 0 && (
          <div className="shrink-0 border-b border-line p-2">
            <select
              aria-label="File"
              value={path ?? ""}
              onChange={(event) => choose(event.target.value)}
              className={`${INPUT_CLASS} h-10 font-mono text-sm`}
            >
              {[...leaves.keys()].toSorted().map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </div>
        )}
        <Shown
          file={file}
          planned={planned}
          following={following}
          canFollow={isRunning(standingOf(project).currentState)}
          onFollow={follow}
          wide={wide}
        />
      </div>
    </div>
  );
}

/** Every file that is there, and those that the phase under way is going to write. */
function useLeaves(project: ProjectState): ReadonlyMap<string, Leaf> {
  const { files, writing } = project;
  const phase = isRunning(standingOf(project).currentState) ? currentPhase(project) : null;
  return useMemo(() => {
    const leaves = new Map<string, Leaf>();
    for (const file of phase?.files ?? []) {
      leaves.set(file.path, { progress: "planned", purpose: file.purpose });
    }
    for (const path of files.keys()) {
      const progress = path === writing ? "writing" : "written";
      leaves.set(path, { progress, purpose: leaves.get(path)?.purpose ?? "" });
    }
    return leaves;
  }, [files, writing, phase]);
}

/** Which file is shown: the one written last, until somebody picks another during this run. */
function useSelection(project: ProjectState, leaves: ReadonlyMap<string, Leaf>) {
  const [pick, setPick] = useState<{ path: string; runs: number } | null>(null);
  const { runs, touched } = project;
  const picked = pick?.runs === runs && leaves.has(pick.path) ? pick.path : null;
  const written = touched !== null && leaves.has(touched) ? touched : null;
  return {
    path: picked ?? written ?? [...project.files.keys()].at(-1) ?? null,
    following: picked === null,
    choose: (path: string) => setPick({ path, runs }),
    follow: () => setPick(null),
  };
}

interface ShownProps {
  file: FileEntry | undefined;
  planned: Leaf | undefined;
  following: boolean;
  canFollow: boolean;
  onFollow: () => void;
  wide: boolean;
}

function Shown({ file, planned, following, canFollow, onFollow, wide }: ShownProps) {
  const [plain, setPlain] = useState(() => localStorage.getItem(PLAIN) !== null);
  const toggle = () => {
    if (plain) localStorage.removeItem(PLAIN);
    else localStorage.setItem(PLAIN, "1");
    setPlain(!plain);
  };
  if (file === undefined) {
    return (
      <p className="m-auto max-w-sm px-6 text-center text-muted" data-testid="code-empty">
        {planned === undefined
          ? "Files appear here as they are written."
          : `Not written yet. ${planned.purpose}`}
      </p>
    );
  }
  const text = textOf(file);
  const writing = file.draft !== null;
  return (
    <>
      <div className="flex h-10 shrink-0 items-center gap-1 border-b border-line pr-2 pl-4">
        {wide ? (
          <p
            className="min-w-0 flex-1 truncate font-mono text-[0.8125rem]"
            data-testid="code-path"
          >
            {file.path}
          </p>
        ) : (
          <span className="flex-1" />
        )}
        {writing && <span className="px-2 text-xs font-semibold text-chalk">Being written</span>}
        {!writing && (
          <span className="px-2 text-xs text-muted tabular-nums">{count(lines(text), "line")}</span>
        )}
        {canFollow && !following && (
          <Button
            look="quiet"
            size="small"
            icon={<Crosshair aria-hidden size={15} />}
            onClick={onFollow}
            data-testid="follow"
          >
            Follow
          </Button>
        )}
        <IconButton
          label="Plain text"
          aria-pressed={plain}
          onClick={toggle}
          data-testid="plain-text"
          className="aria-pressed:bg-accent-soft aria-pressed:text-accent"
        >
          <AlignLeft aria-hidden size={16} />
        </IconButton>
        <CopyButton text={text} />
      </div>
      {plain ? (
        <pre
          role="region"
          tabIndex={0}
          data-testid="code-text"
          data-path={file.path}
          aria-label={file.path}
          className="min-h-0 flex-1 overflow-auto px-4 py-3 font-mono text-[0.8125rem] leading-5 outline-offset-[-2px]"
        >
          {text}
        </pre>
      ) : (
        <Suspense
          fallback={
            <p role="status" className="m-auto flex items-center gap-2 text-muted">
              <Spinner /> Opening the file
            </p>
          }
        >
          <CodeView path={file.path} text={text} revision={file.revision} growing={writing} />
        </Suspense>
      )}
    </>
  );
}

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
