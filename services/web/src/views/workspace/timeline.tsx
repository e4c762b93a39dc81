import { ChevronLeft, ChevronRight, Diff, Pause, Play, X } from "lucide-react";
import { useEffect, useMemo, useState } from "react";

import { type Difference, differenceOf } from "../../project/difference";
import { type EventKind, lineOf, marksOf } from "../../project/events";
import type { History } from "../../project/history";
import { count, type ProjectState } from "../../project/state";
import { ago } from "../../time";
import { Button, IconButton } from "../../ui/button";

/** The moment that is looked at. */
export interface Moment {
  readonly seq: number;
  /** The project as it was. */
  readonly project: ProjectState;
}

export interface TimelineState {
  readonly open: boolean;
  /** Null: it is shown as it is. */
  readonly moment: Moment | null;
  readonly show: () => void;
  readonly hide: () => void;
  readonly goTo: (seq: number) => void;
}

/** Where somebody is on the timeline of a project; the end of it is now. */
export function useTimeline(history: History, lastSeq: number): TimelineState {
  const [open, setOpen] = useState(false);
  const [seq, setSeq] = useState<number | null>(null);
  const past = open && seq !== null && seq < lastSeq ? seq : null;
  const moment = useMemo(
    () => (past === null ? null : { seq: past, project: history.at(past) }),
    [history, past],
  );
  return useMemo(
    () => ({
      open,
      moment,
      show: () => setOpen(true),
      hide: () => {
        setOpen(false);
        setSeq(null);
      },
      goTo: (to: number) => setSeq(to >= history.length ? null : Math.max(1, to)),
    }),
    [open, moment, history],
  );
}

interface TimelineProps {
  timeline: TimelineState;
  history: History;
  now: ProjectState;
  /** Shows how *path* differs from now. */
  onCompare: (path: string, seq: number) => void;
}

/** Every event on record on one line: to go to any of them, and back. */
export function Timeline({ timeline, history, now, onCompare }: TimelineProps) {
  const { moment, goTo, hide } = timeline;
  const [listing, setListing] = useState(false);
  const last = now.lastSeq;
  const at = moment?.seq ?? last;
  const event = history.event(at);
  const line = event === undefined ? "" : lineOf(event).text;
  const time = event !== undefined && "at" in event ? event.at : undefined;
  const play = usePlay(at, last, goTo);
  return (
    <section
      aria-label="Timeline"
      data-testid="timeline"
      data-seq={at}
      className={`border-b border-line ${moment === null ? "bg-surface" : "bg-chalk-soft"}`}
    >
      <div className="flex flex-wrap items-center gap-x-1 px-2 pt-2 sm:px-3">
        <IconButton
          label={play.playing ? "Pause" : "Play from here"}
          onClick={play.toggle}
          data-testid="timeline-play"
        >
          {play.playing ? <Pause aria-hidden size={16} /> : <Play aria-hidden size={16} />}
        </IconButton>
        <IconButton label="One event back" disabled={at <= 1} onClick={() => goTo(at - 1)}>
          <ChevronLeft aria-hidden size={18} />
        </IconButton>
        <IconButton label="One event on" disabled={at >= last} onClick={() => goTo(at + 1)}>
          <ChevronRight aria-hidden size={18} />
        </IconButton>
        <div className="relative min-w-40 flex-1">
          <Marks history={history} last={last} />
          <input
            type="range"
            aria-label="Event"
            aria-valuetext={`Event ${at} of ${last}: ${line}`}
            min={1}
            max={Math.max(1, last)}
            value={at}
            onChange={(change) => goTo(Number(change.target.value))}
            data-testid="timeline-slider"
            className="relative block h-8 w-full cursor-pointer accent-accent"
          />
        </div>
        <IconButton label="Close the timeline" onClick={hide} data-testid="timeline-close">
          <X aria-hidden size={16} />
        </IconButton>
      </div>
      <div className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1 px-3 pb-1.5 text-sm sm:px-4">
        <p className="min-w-0 flex-1 basis-full truncate sm:basis-52" data-testid="timeline-event">
          <span className="font-semibold tabular-nums">
            {at} of {last}
          </span>{" "}
          {line}
          {time !== undefined && <Time time={time} />}
        </p>
        {moment !== null && (
          <>
            <DifferenceButton
              before={moment.project}
              now={now}
              listing={listing}
              onToggle={() => setListing(!listing)}
            />
            <Button size="small" onClick={() => goTo(last)} data-testid="timeline-now">
              Back to now
            </Button>
          </>
        )}
      </div>
      {moment !== null && listing && (
        <Differences
          before={moment.project}
          now={now}
          onCompare={(path) => onCompare(path, moment.seq)}
        />
      )}
    </section>
  );
}

function Time({ time }: { time: string }) {
  const [now] = useState(() => Date.now());
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()} className="text-muted">
      {" · "}
      {ago(time, now)}
    </time>
  );
}

const COLORS: Record<EventKind, string> = {
  problem: "bg-danger",
  good: "bg-accent",
  person: "bg-ink",
  run: "bg-ink",
  phase: "bg-control",
  file: "bg-line",
  sandbox: "bg-line",
  model: "bg-line",
  state: "bg-line",
};
const HEIGHTS: Partial<Record<EventKind, string>> = {
  problem: "h-3",
  good: "h-3",
  person: "h-3",
  run: "h-3",
  phase: "h-2",
};
const PLACES = 160;

/** A ruler above the slider: what happened where. */
function Marks({ history, last }: { history: History; last: number }) {
  const marks = useMemo(
    () => (last === 0 ? [] : marksOf(history.events(), PLACES)),
    [history, last],
  );
  return (
    <div aria-hidden className="absolute inset-x-2 -top-1 h-3">
      {marks.map(({ at, kind }) => (
        <span
          key={at}
          className={`absolute bottom-0 w-0.5 rounded-full ${HEIGHTS[kind] ?? "h-1.5"} ${COLORS[kind]}`}
          style={{ left: `${at * 100}%` }}
        />
      ))}
    </div>
  );
}

const STEP_MS = 120;

/** Goes on event by event until the end. */
function usePlay(at: number, last: number, goTo: (seq: number) => void) {
  const [playing, setPlaying] = useState(false);
  const going = playing && at < last;
  useEffect(() => {
    if (!going) return undefined;
    const timer = setTimeout(() => goTo(at + 1), STEP_MS);
    return () => clearTimeout(timer);
  }, [going, at, goTo]);
  const toggle = () => {
    // At the end it begins anew.
    if (!going && at >= last) goTo(1);
    setPlaying(!going);
  };
  return { playing: going, toggle };
}

interface DifferenceButtonProps {
  before: ProjectState;
  now: ProjectState;
  listing: boolean;
  onToggle: () => void;
}

function DifferenceButton({ before, now, listing, onToggle }: DifferenceButtonProps) {
  const differences = useDifference(before, now);
  if (differences.length === 0) return <p className="text-muted">Same files as now</p>;
  return (
    <Button
      size="small"
      look="outline"
      aria-expanded={listing}
      icon={<Diff aria-hidden size={15} />}
      onClick={onToggle}
      data-testid="difference-open"
    >
      {count(differences.length, "file")} since
    </Button>
  );
}

interface DifferencesProps {
  before: ProjectState;
  now: ProjectState;
  onCompare: (path: string) => void;
}

const CHANGES: Record<Difference["change"], string> = {
  added: "new since",
  changed: "changed",
  removed: "deleted since",
};

function Differences({ before, now, onCompare }: DifferencesProps) {
  const differences = useDifference(before, now);
  return (
    <ul
      aria-label="Difference to now"
      className="grid max-h-44 max-sm:max-h-28 grid-cols-[repeat(auto-fill,minmax(17rem,1fr))] gap-x-3 overflow-y-auto border-t border-line px-3 py-2 sm:px-4"
    >
      {differences.map(({ path, change, added, removed }) => (
        <li key={path}>
          <button
            type="button"
            data-testid="difference"
            data-path={path}
            data-change={change}
            onClick={() => onCompare(path)}
            className="flex w-full items-baseline gap-2 rounded px-2 py-1 text-left text-sm hover:bg-sunken"
          >
            <span className="min-w-0 truncate font-mono text-[0.8125rem]" title={path}>
              {path}
            </span>
            <span className="text-xs whitespace-nowrap text-muted">{CHANGES[change]}</span>
            <span className="ml-auto text-xs whitespace-nowrap tabular-nums">
              {added > 0 && <span className="text-accent">+{added}</span>}{" "}
              {removed > 0 && <span className="text-danger">−{removed}</span>}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function useDifference(before: ProjectState, now: ProjectState): Difference[] {
  return useMemo(() => differenceOf(before.files, now.files), [before.files, now.files]);
}
