import { memo, useState } from "react";

import { count, type Phase } from "../../project/state";

interface PhaseCardProps {
  phase: Phase;
  /** It is being worked on: its files are worth seeing. */
  current: boolean;
  /** The path whose text is arriving, where it belongs to this phase. */
  writing: string | null;
}

type Progress = "planned" | "writing" | "written";

/** A phase with its files: one mark each, filled as they are written. */
export const PhaseCard = memo(function PhaseCard({ phase, current, writing }: PhaseCardProps) {
  const [open, setOpen] = useState<boolean | null>(null);
  const files = phase.files.map((file) => ({ ...file, progress: progressOf(phase, writing, file.path) }));
  const planned = new Set(phase.files.map((file) => file.path));
  const extra = phase.written.filter((path) => !planned.has(path));
  const shown = open ?? (current && !phase.ended);
  return (
    <details
      data-testid="phase"
      data-phase={phase.index}
      open={shown}
      onToggle={(event) => {
        if (event.currentTarget.open !== shown) setOpen(event.currentTarget.open);
      }}
      className="rounded-lg border border-line bg-surface"
    >
      <summary className="rounded-lg px-3.5 py-2.5 marker:text-muted">
        <span className="font-semibold">{phase.name}</span>
        <span className="mt-1.5 flex items-center gap-2.5">
          <Marks files={files} />
          <span className="shrink-0 text-xs text-muted tabular-nums">
            {phase.ended
              ? count(phase.written.length, "file")
              : `${phase.written.length} of ${count(phase.files.length, "file")}`}
          </span>
        </span>
      </summary>
      <div className="px-3.5 pb-3">
        {phase.description !== "" && (
          <p className="mb-2 text-sm break-words text-muted">{phase.description}</p>
        )}
        <ul className="space-y-1 text-sm">
          {files.map((file) => (
            <FileLine key={file.path} {...file} />
          ))}
          {extra.map((path) => (
            <FileLine key={path} path={path} purpose="" progress="written" />
          ))}
        </ul>
      </div>
    </details>
  );
});

function progressOf(phase: Phase, writing: string | null, path: string): Progress {
  if (phase.written.includes(path)) return "written";
  return path === writing ? "writing" : "planned";
}

const MARK: Record<Progress, string> = {
  planned: "border border-control",
  writing: "breathe bg-chalk-fill",
  written: "bg-accent",
};

function Marks({ files }: { files: readonly { path: string; progress: Progress }[] }) {
  return (
    <span aria-hidden className="flex h-2 min-w-0 flex-1 gap-[3px]">
      {files.map((file) => (
        <span
          key={file.path}
          className={`min-w-0.5 max-w-6 flex-1 rounded-[2px] ${MARK[file.progress]}`}
        />
      ))}
    </span>
  );
}

const SAID: Record<Progress, string> = {
  planned: "planned",
  writing: "being written",
  written: "written",
};

function FileLine({ path, purpose, progress }: { path: string; purpose: string; progress: Progress }) {
  return (
    <li className="flex items-baseline gap-2" data-progress={progress}>
      <span
        role="img"
        aria-label={SAID[progress]}
        className={`size-2 shrink-0 rounded-full ${MARK[progress]}`}
      />
      <span className="min-w-0">
        <span className="font-mono text-[0.8125rem] break-all" title={purpose}>
          {path}
        </span>
        {progress === "writing" && purpose !== "" && (
          <span className="block text-muted">{purpose}</span>
        )}
      </span>
    </li>
  );
}
