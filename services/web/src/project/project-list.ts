/** Which projects of a list are shown, and in which order. */

import type { Project } from "../server/api";
import { isRunState } from "../ui/state-badge";
import { isRunning } from "./state";

export type Sort = "changed" | "created" | "name";
export type Status = "all" | "running" | "ready" | "failed" | "idle";

export interface ListChoice {
  readonly query: string;
  readonly sort: Sort;
  readonly status: Status;
}

export const EVERYTHING: ListChoice = { query: "", sort: "changed", status: "all" };

const BY_NAME = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const ORDERS: Record<Sort, (a: Project, b: Project) => number> = {
  changed: (a, b) => b.updatedAt.localeCompare(a.updatedAt),
  created: (a, b) => b.createdAt.localeCompare(a.createdAt),
  name: (a, b) => BY_NAME.compare(a.name, b.name),
};

/** The projects that fit *choice*: every word of the query is in the name or the description. */
export function chosen(projects: readonly Project[], choice: ListChoice): Project[] {
  const words = choice.query.toLowerCase().split(/\s+/).filter(Boolean);
  return projects
    .filter((project) => choice.status === "all" || statusOf(project) === choice.status)
    .filter(({ name, description }) => {
      const text = `${name}\n${description}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .toSorted(ORDERS[choice.sort]);
}

export function statusOf({ status }: Project): Exclude<Status, "all"> {
  if (status === "complete") return "ready";
  if (status === "error") return "failed";
  return isRunState(status) && isRunning(status) ? "running" : "idle";
}

/**
 * Where a picture of the app is; null while there has been no app to look at.
 *
 * Another address once a run has ended: a page asks again only for those it does not know.
 */
export function pictureOf(project: Project): string | null {
  if (project.previewUrl === null) return null;
  const at = statusOf(project) === "running" ? "" : `?at=${encodeURIComponent(project.updatedAt)}`;
  return `/api/projects/${project.id}/screenshot${at}`;
}
