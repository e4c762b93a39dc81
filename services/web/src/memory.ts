/** What this browser remembers of how somebody works; losing it is no harm. */

/** In every tab, or only in this one while its page is loaded again. */
type Where = "browser" | "tab";

export function recall(key: string, where: Where = "browser"): unknown {
  try {
    return JSON.parse(storage(where).getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown, where: Where = "browser"): void {
  try {
    storage(where).setItem(key, JSON.stringify(value));
  } catch {
    // The browser gives no room, or none at all.
  }
}

function storage(where: Where): Storage {
  return where === "browser" ? localStorage : sessionStorage;
}
