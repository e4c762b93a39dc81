/** Everything that can be done on the page, for the palette and the keyboard. */

import { useEffect, useRef } from "react";

export interface Command {
  readonly id: string;
  readonly title: string;
  /** What it belongs to, such as `View`. */
  readonly group: string;
  /** Such as `Mod+S` or `Alt+1`; Mod is Ctrl, or Command on a Mac. */
  readonly keys?: string;
  readonly run: () => void;
}

/** Commands of those parts of the page that are there now. */
class Registry {
  readonly #parts = new Map<symbol, () => readonly Command[]>();

  add(commands: () => readonly Command[]): () => void {
    const part = Symbol("commands");
    this.#parts.set(part, commands);
    return () => this.#parts.delete(part);
  }

  /** All of them, in the order in which their parts came. */
  all(): Command[] {
    return [...this.#parts.values()].flatMap((commands) => commands());
  }
}

export const registry = new Registry();

/** Offers *commands* as long as the component is there. */
export function useCommands(commands: readonly Command[]): void {
  const current = useRef(commands);
  useEffect(() => {
    current.current = commands;
  }, [commands]);
  useEffect(() => registry.add(() => current.current), []);
}

/** Runs what the keys stand for, wherever the focus is. */
export function useShortcuts(): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.repeat || event.isComposing) return;
      const command = registry.all().findLast(({ keys }) => keys !== undefined && fits(keys, event));
      if (command === undefined) return;
      event.preventDefault();
      command.run();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}

type Pressed = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** Whether *keys* are what was pressed. */
export function fits(keys: string, event: Pressed): boolean {
  const parts = keys.split("+");
  const wanted = parts.at(-1) ?? "";
  const mod = parts.includes("Mod");
  if (mod !== (event.ctrlKey || event.metaKey)) return false;
  if (parts.includes("Alt") !== event.altKey || parts.includes("Shift") !== event.shiftKey) {
    return false;
  }
  // With Alt, keyboards write other signs: the place of the key counts there.
  const { code } = event;
  if (parts.includes("Alt") && (code === `Digit${wanted}` || code === `Key${wanted}`)) return true;
  return event.key.toLowerCase() === wanted.toLowerCase();
}

const MAC: Record<string, string> = { Mod: "⌘", Alt: "⌥", Shift: "⇧" };

/** *keys* as they are written on a keyboard of this computer. */
export function keysLabel(keys: string, mac: boolean = isMac()): string {
  const parts = keys.split("+");
  if (mac) return parts.map((part) => MAC[part] ?? part).join("");
  return parts.map((part) => (part === "Mod" ? "Ctrl" : part)).join("+");
}

function isMac(): boolean {
  return /Mac|iPhone|iPad/.test(navigator.userAgent);
}

/** How well *text* fits what was typed: higher is better, null is not at all. */
export function score(query: string, text: string): number | null {
  const wanted = query.toLowerCase().replaceAll(/\s+/g, "");
  const lower = text.toLowerCase();
  const whole = lower.indexOf(query.trim().toLowerCase());
  if (whole >= 0) return 1_000 - whole - text.length / 100;
  let total = 0;
  let at = 0;
  for (const sign of wanted) {
    const found = lower.indexOf(sign, at);
    if (found < 0) return null;
    const begins = found === 0 || /[\s/._-]/.test(lower[found - 1] ?? "");
    total += begins ? 8 : found === at ? 4 : 1;
    at = found + sign.length;
  }
  return total - text.length / 100;
}

/** The commands that fit *query*, best first; all of them, as they are, without one. */
export function ranked(commands: readonly Command[], query: string): Command[] {
  if (query.trim() === "") return [...commands];
  return commands
    .flatMap((command) => {
      const points = score(query, command.title);
      return points === null ? [] : [{ command, points }];
    })
    .toSorted((a, b) => b.points - a.points)
    .map(({ command }) => command);
}
