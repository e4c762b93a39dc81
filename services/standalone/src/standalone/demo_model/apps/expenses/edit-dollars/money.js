// Amounts are whole cents, so that sums are exact.

const CURRENCY = "USD";

const format = new Intl.NumberFormat(undefined, { style: "currency", currency: CURRENCY });

/** Cents as text with the currency, for people. */
export function money(cents) {
  return format.format(cents / 100);
}

/** Cents from what somebody typed ("12", "12.5", "1,50"), or null. */
export function parseMoney(text) {
  const match = /^\s*(\d{1,7})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  if (!match) return null;
  const cents = Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
  return cents > 0 ? cents : null;
}
