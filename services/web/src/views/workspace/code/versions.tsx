import { ArrowDown, ArrowUp, RotateCcw, UnfoldVertical, X } from "lucide-react";
import { lazy, Suspense, useMemo, useRef, useState } from "react";

import type { Version } from "../../../project/history";
import { textOf } from "../../../project/state";
import { Button, IconButton } from "../../../ui/button";
import type { Comparing, Desk, Moment } from "../use-desk";
import type { Comparison } from "./comparison";
import { Opening } from "./shown-file";

const CompareView = lazy(() => import("./compare-view"));

interface VersionsProps {
  desk: Desk;
  comparing: Comparing;
  narrow: boolean;
}

/** A file at two moments, side by side; each side can be any version that it has had. */
export function Versions({ desk, comparing, narrow }: VersionsProps) {
  const { path } = comparing;
  const { history, link } = desk;
  const { lastSeq } = link.project;
  const [folded, setFolded] = useState(true);
  const comparison = useRef<Comparison | null>(null);
  const versions = useMemo(
    () => (lastSeq === 0 ? [] : history.versions(path)),
    [history, lastSeq, path],
  );
  const before = momentOf(desk, versions, comparing.before, comparing.after);
  const after = momentOf(desk, versions, comparing.after, comparing.after);
  const set = (change: Partial<Comparing>) => desk.compare({ path, before, after, ...change });
  const texts = [textAt(desk, versions, path, before), textAt(desk, versions, path, after)] as const;
  const restore = () => {
    desk.edits.store.type(path, link.project.files.get(path)?.recorded ?? null, texts[0]);
    void desk.edits.store.save(path);
    desk.compare(null);
  };
  const chosen = versions.find(({ seq }) => seq === before);
  const canRestore =
    chosen !== undefined &&
    chosen.what !== "deleted" &&
    texts[0] !== textAt(desk, versions, path, "now");
  return (
    <section aria-label="Versions" data-testid="versions" className="flex min-h-0 flex-1 flex-col">
      <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-x-2 gap-y-1 border-b border-line py-1 pr-2 pl-4">
        {!narrow && (
          <p className="min-w-0 flex-1 truncate font-mono text-[0.8125rem]" title={path} data-testid="compare-path">
            {path}
          </p>
        )}
        <Choice
          label="Before"
          testId="version-before"
          versions={versions}
          value={before}
          onChange={(moment) => set({ before: moment })}
        />
        <span aria-hidden className="text-muted">
          →
        </span>
        <Choice
          label="After"
          testId="version-after"
          versions={versions}
          value={after}
          onChange={(moment) => set({ after: moment })}
        />
        <div className="flex items-center gap-1 max-sm:ml-auto">
          {canRestore && (
            <Button
              size="tiny"
              look="outline"
              icon={<RotateCcw aria-hidden size={14} />}
              title={`Make ${nameOf(before)} the content again`}
              onClick={restore}
              data-testid="restore-version"
            >
              Restore
            </Button>
          )}
          <IconButton label="Previous change" onClick={() => comparison.current?.previous()}>
            <ArrowUp aria-hidden size={16} />
          </IconButton>
          <IconButton label="Next change" onClick={() => comparison.current?.next()}>
            <ArrowDown aria-hidden size={16} />
          </IconButton>
          <IconButton
            label="All lines"
            aria-pressed={!folded}
            onClick={() => setFolded(!folded)}
            className="aria-pressed:bg-accent-soft aria-pressed:text-accent"
          >
            <UnfoldVertical aria-hidden size={16} />
          </IconButton>
          <IconButton
            label="Close the comparison"
            onClick={() => desk.compare(null)}
            data-testid="compare-close"
          >
            <X aria-hidden size={16} />
          </IconButton>
        </div>
      </div>
      {texts[0] === texts[1] && (
        <p className="border-b border-line px-4 py-1.5 text-sm text-muted" data-testid="no-difference">
          Both are the same.
        </p>
      )}
      <Suspense fallback={<Opening />}>
        <CompareView
          path={path}
          before={{ label: `${path}, ${nameOf(before)}`, text: texts[0] }}
          after={{ label: `${path}, ${nameOf(after)}`, text: texts[1] }}
          folded={folded}
          narrow={narrow}
          onReady={(ready) => {
            comparison.current = ready;
          }}
        />
      </Suspense>
    </section>
  );
}

interface ChoiceProps {
  label: string;
  testId: string;
  versions: readonly Version[];
  value: Version["seq"] | "now";
  onChange: (moment: number | "now") => void;
}

function Choice({ label, testId, versions, value, onChange }: ChoiceProps) {
  return (
    <select
      aria-label={label}
      data-testid={testId}
      value={String(value)}
      onChange={(event) =>
        onChange(event.target.value === "now" ? "now" : Number(event.target.value))
      }
      className="h-7 min-w-0 truncate rounded-md border border-control bg-surface px-1.5 text-sm max-sm:flex-1 max-sm:basis-32 sm:max-w-48"
    >
      <option value="now">Now</option>
      {versions.toReversed().map((version) => (
        <option key={version.seq} value={version.seq}>
          {saidOf(version)}
        </option>
      ))}
      <option value={ABSENT}>Not there yet</option>
    </select>
  );
}

/** The seq of a file that is not there yet. */
const ABSENT = 0;

function saidOf({ seq, by, what, at }: Version): string {
  const time = at === null ? "" : `, ${new Date(at).toLocaleTimeString()}`;
  return `Event ${seq}, ${what === "written" ? by : `${by}, ${what}`}${time}`;
}

/** The version that *moment* means, as the seq that wrote it. */
function momentOf(
  desk: Desk,
  versions: readonly Version[],
  moment: Moment,
  after: Moment,
): number | "now" {
  if (moment === "now") return "now";
  if (typeof moment === "number") {
    const exact = versions.find(({ seq }) => seq === moment);
    return exact?.seq ?? kept(versions, moment).at(-1)?.seq ?? ABSENT;
  }
  const known = kept(versions, after === "now" ? Infinity : desk.project.lastSeq);
  if (moment === "shown" || hasEdit(desk, known)) return known.at(-1)?.seq ?? ABSENT;
  return known.at(-2)?.seq ?? ABSENT;
}

/** What the file was, one after the other, up to *limit*. */
function kept(versions: readonly Version[], limit: number): readonly Version[] {
  return versions.filter(({ seq, what }) => seq <= limit && what !== "not taken");
}

/** What was typed last is newer than the last version. */
function hasEdit(desk: Desk, versions: readonly Version[]): boolean {
  const path = desk.comparing?.path ?? "";
  const edit = desk.past ? undefined : desk.edits.edits.get(path);
  return edit !== undefined && edit.text !== versions.at(-1)?.content;
}

function textAt(
  desk: Desk,
  versions: readonly Version[],
  path: string,
  moment: number | "now",
): string {
  if (moment !== "now") return versions.find(({ seq }) => seq === moment)?.content ?? "";
  const file = desk.link.project.files.get(path);
  return desk.edits.edits.get(path)?.text ?? (file === undefined ? "" : textOf(file));
}

function nameOf(moment: number | "now"): string {
  if (moment === ABSENT) return "before it was there";
  return moment === "now" ? "now" : `event ${moment}`;
}
