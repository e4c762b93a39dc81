// Charts out of plain elements: they scale, theme and print like text.

import { money } from "./money.js";
import { CATEGORIES, dayBefore, sum } from "./store.js";

const DAYS = 14;

function share(cents, most) {
  return most === 0 ? 0 : Math.round((100 * cents) / most);
}

/** One bar for each of the last two weeks' days. */
export function dayBars(entries) {
  const days = Array.from({ length: DAYS }, (_, index) => dayBefore(DAYS - 1 - index));
  const cents = days.map((day) => sum(entries.filter((entry) => entry.day === day)));
  const most = Math.max(...cents);
  return days.map((day, index) => {
    const bar = document.createElement("div");
    const date = new Date(`${day}T12:00`).toLocaleDateString();
    bar.className = "bar";
    bar.title = `${date}: ${money(cents[index])}`;
    bar.setAttribute("role", "img");
    bar.setAttribute("aria-label", bar.title);
    bar.dataset.cents = cents[index];
    bar.style.setProperty("--share", share(cents[index], most));
    return bar;
  });
}

/** One row for each category that has entries, the dearest first. */
export function categoryRows(entries) {
  const totals = CATEGORIES.map((category) => ({
    ...category,
    cents: sum(entries.filter((entry) => entry.category === category.id)),
  }))
    .filter(({ cents }) => cents > 0)
    .sort((a, b) => b.cents - a.cents);
  return totals.map(({ name, hue, cents }) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = money(cents);
    row.append(term, value);
    row.style.setProperty("--dot", hue);
    row.style.setProperty("--share", share(cents, totals[0].cents));
    return row;
  });
}
