import type { LucideIcon } from "lucide-react";
import { type KeyboardEvent, useRef } from "react";

export interface Tab {
  readonly label: string;
  readonly icon: LucideIcon;
}

interface TabBarProps<K extends string> {
  label: string;
  tabs: Record<K, Tab>;
  selected: K;
  onSelect: (key: K) => void;
  /** Icons above words over the whole width, for thumbs. */
  large?: boolean;
}

/** Tabs as the ARIA practices describe them: one stop, arrow keys within. */
export function TabBar<K extends string>({
  label,
  tabs,
  selected,
  onSelect,
  large = false,
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
    : "h-8 gap-1.5 px-3 text-sm";
  return (
    <div
      ref={list}
      role="tablist"
      aria-label={label}
      className={large ? "flex gap-1" : "flex shrink-0 gap-1"}
    >
      {keys.map((key) => {
        const { label: name, icon: Icon } = tabs[key];
        return (
          <button
            key={key}
            type="button"
            role="tab"
            data-tab={key}
            data-testid={`tab-${key}`}
            aria-selected={key === selected}
            aria-controls={`view-${key}`}
            tabIndex={key === selected ? 0 : -1}
            onClick={() => onSelect(key)}
            onKeyDown={onKeyDown}
            className={`inline-flex items-center justify-center rounded-md font-medium text-muted hover:text-ink aria-selected:bg-accent-soft aria-selected:text-accent-strong dark:aria-selected:text-accent ${shape}`}
          >
            <Icon aria-hidden size={large ? 19 : 16} />
            {name}
          </button>
        );
      })}
    </div>
  );
}
