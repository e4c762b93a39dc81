/** The prompt of somebody who has no account yet, kept while they make one. */

const KEY = "atelier.pendingPrompt";

export function keepPrompt(prompt: string): void {
  sessionStorage.setItem(KEY, prompt);
}

export function keptPrompt(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function forgetPrompt(): void {
  sessionStorage.removeItem(KEY);
}

const MAX_NAME = 48;

/** A short name for a project that was only described: the first words of the description. */
export function nameOf(prompt: string): string {
  const line = prompt.trim().split(/[\r\n]|[.,!?;:](?:\s|$)/)[0]?.trim() ?? "";
  const words = line.replace(
    /^(?:please\s+)?(?:can you\s+|could you\s+)?(?:build|make|create|write|design|i (?:want|need))\s+(?:me\s+)?/i,
    "",
  );
  const bare = words.replace(/^(?:an?|the)\s+/i, "").trim() || line;
  if (bare === "") return "Untitled";
  const name = bare.length <= MAX_NAME ? bare : cutAtWord(bare);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function cutAtWord(text: string): string {
  const cut = [...text].slice(0, MAX_NAME).join("");
  const space = cut.lastIndexOf(" ");
  const words = space > MAX_NAME / 2 ? cut.slice(0, space) : cut;
  return words.replace(/(?:\s+(?:an?|and|as|by|for|in|of|on|or|that|the|to|which|with))+$/i, "");
}

/** *next* where it is a page of ours, else the list of projects. */
export function safeNext(next: string | undefined): string {
  if (next === undefined || !/^\/(?![/\\])/.test(next)) return "/projects";
  const url = new URL(next, "http://atelier.invalid");
  return url.host === "atelier.invalid" ? url.pathname + url.search : "/projects";
}
