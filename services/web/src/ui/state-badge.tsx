import type { RunState } from "../project/state";

const LABELS: Record<RunState, string> = {
  idle: "Idle",
  designing: "Designing",
  implementing: "Writing",
  install: "Installing",
  start: "Starting",
  complete: "Ready",
  error: "Failed",
};

const BUSY = "bg-chalk-fill/25 text-chalk";
const LOOKS: Record<RunState, string> = {
  idle: "bg-sunken text-muted",
  designing: BUSY,
  implementing: BUSY,
  install: BUSY,
  start: BUSY,
  complete: "bg-accent-soft text-accent-strong dark:text-accent",
  error: "bg-danger-soft text-danger",
};

export function isRunState(value: string): value is RunState {
  return Object.hasOwn(LABELS, value);
}

interface StateBadgeProps {
  state: RunState;
  testId?: string;
}

export function StateBadge({ state, testId }: StateBadgeProps) {
  const busy = LOOKS[state] === BUSY;
  return (
    <span
      data-testid={testId}
      data-state={state}
      className={`inline-flex h-6 shrink-0 items-center gap-1.5 rounded-full px-2.5 text-xs font-semibold ${LOOKS[state]}`}
    >
      <span aria-hidden className={`size-1.5 rounded-full bg-current ${busy ? "breathe" : ""}`} />
      {LABELS[state]}
    </span>
  );
}
