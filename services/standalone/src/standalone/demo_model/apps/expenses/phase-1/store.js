// The entries, kept in this browser. Whoever shows them subscribes.

const KEY = "pocket-ledger";

export const CATEGORIES = [
  { id: "food", name: "Food", hue: 150 },
  { id: "home", name: "Home", hue: 255 },
  { id: "transport", name: "Transport", hue: 85 },
  { id: "fun", name: "Fun", hue: 330 },
  { id: "health", name: "Health", hue: 25 },
];

const listeners = new Set();
let entries = load();

/** A day as "2025-01-31" in local time, that many days ago. */
export function dayBefore(days = 0) {
  const date = new Date();
  date.setDate(date.getDate() - days);
  const pad = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

function examples() {
  const rows = [
    [0, "Bread and cheese", 1140, "food"],
    [1, "Cinema", 1200, "fun"],
    [1, "Train to town", 640, "transport"],
    [2, "Weekly shopping", 5385, "food"],
    [4, "Light bulbs", 990, "home"],
    [6, "Vitamins", 1475, "health"],
    [8, "Dinner with Ada", 3650, "food"],
  ];
  return rows.map(([days, name, cents, category], index) => ({
    id: `example-${index}`,
    day: dayBefore(days),
    name,
    cents,
    category,
  }));
}

function load() {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(saved) ? saved : examples();
  } catch {
    return examples(); // private windows may refuse storage
  }
}

function commit(next) {
  entries = next.toSorted((a, b) => b.day.localeCompare(a.day));
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    // see load()
  }
  for (const listener of listeners) listener();
}

/** Every entry, the newest day first. */
export function all() {
  return entries;
}

/** The entries of the current month. */
export function thisMonth() {
  const month = dayBefore().slice(0, 7);
  return entries.filter((entry) => entry.day.startsWith(month));
}

/** The sum of some entries, in cents. */
export function sum(some) {
  return some.reduce((cents, entry) => cents + entry.cents, 0);
}

export function add(entry) {
  const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  commit([{ id, ...entry }, ...entries]);
}

export function remove(id) {
  commit(entries.filter((entry) => entry.id !== id));
}

export function clear() {
  commit([]);
}

export function subscribe(listener) {
  listeners.add(listener);
}
