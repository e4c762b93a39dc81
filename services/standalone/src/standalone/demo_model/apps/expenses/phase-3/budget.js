// How much of the month's budget is left.

import { money } from "./money.js";

const KEY = "pocket-ledger.budget";

/** The budget in cents, or null where none is set. */
export function loadBudget() {
  try {
    const cents = Number(localStorage.getItem(KEY));
    return Number.isInteger(cents) && cents > 0 ? cents : null;
  } catch {
    return null; // private windows may refuse storage
  }
}

export function saveBudget(cents) {
  try {
    if (cents === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, String(cents));
  } catch {
    // see loadBudget()
  }
}

/** One sentence about what is left after so many cents were spent. */
export function budgetText(budget, spent) {
  if (budget === null) return "Set one to see what is left.";
  const left = budget - spent;
  return left >= 0 ? `${money(left)} left this month.` : `${money(-left)} over the budget.`;
}
