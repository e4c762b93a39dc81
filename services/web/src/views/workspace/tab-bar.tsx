import type { LucideIcon } from "lucide-react";
import { type KeyboardEvent, useRef } from "react";

export interface Tab {
  readonly label: string;
  readonly icon: LucideIcon;
  /** How much there is to see; shown where it is not 0. */
  readonly count?: number;
}

interface TabBarProps<K extends string> {
  label: string;
  tabs: Record<K, Tab>;
  selected: K;
  onSelect: (key: K) => void;
  /** Icons above words over the whole width, for thumbs. */
  large?: boolean;
  /** Lower, without icons. */
  compact?: boolean;
  /** Before the keys in ids, where a page has several bars. */
  prefix?: string;
}

/** Tabs as the ARIA practices describe them: one stop, arrow keys within. */
export function TabBar<K extends string>({
  label,
  tabs,
  selected,
  onSelect,
  large = false,
  compact = false,
  prefix = "",
}: TabBarProps<K>) {
  const list = useRef<HTMLDivElement>(null);
  const keys = Object.keys(tabs) as K[];
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = keys[(keys.indexOf(selected) + step + keys.length) % keys.length];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onSelect(next);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  const shape = large
    ? "h-12 flex-1 flex-col gap-0.5 text-xs"
    : compact
      ? "h-7 gap-1.5 px-2.5 text-sm"
      : "h-8 gap-1.5 px-3 text-sm";
  return (
    <div
      ref={list}
      role="tablist"
      aria-label={label}
      className={large ? "flex gap-1" : "flex shrink-0 gap-1"}
    >
      {keys.map((key) => {
        const { label: name, icon: Icon, count = 0 } = tabs[key];
        return (
          <button
            key={key}
            type="button"
            role="tab"
            data-tab={key}
            data-testid={`tab-${prefix}${key}`}
            aria-selected={key === selected}
            aria-controls={`view-${prefix}${key}`}
            tabIndex={key === selected ? 0 : -1}
            onClick={() => onSelect(key)}
            onKeyDown={onKeyDown}
            className={`inline-flex items-center justify-center rounded-md font-medium text-muted hover:text-ink aria-selected:bg-accent-soft aria-selected:text-accent-strong dark:aria-selected:text-accent ${shape}`}
          >
            {!compact && <Icon aria-hidden size={large ? 19 : 16} />}
            <span className="flex items-center gap-1.5">
              {name}
              {count > 0 && (
                <span className="min-w-5 rounded-full bg-danger px-1.5 text-center text-xs font-semibold text-on-danger tabular-nums">
                  {count}
                </span>
              )}
            </span>
          </button>
        );
      })}
    </div>
  );
}
