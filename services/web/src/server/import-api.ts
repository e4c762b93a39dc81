/** Projects made of what somebody has already: a zip, or a repository. */

import { api, type Project, projectPath, request } from "./api";
import { upload } from "./upload";

/** The largest zip, in bytes. */
export const MAX_ZIP_BYTES = 33_554_432;
const MAX_NAME = 100;

export type Source =
  | { readonly kind: "zip"; readonly file: File }
  | {
      readonly kind: "git";
      readonly url: string;
      /** A branch or a tag; null is what the repository shows first. */
      readonly ref: string | null;
    };

/** What was taken in, and what not. */
interface Taken {
  readonly files: number;
  readonly leftOut: readonly { readonly path: string; readonly reason: string }[];
}

export interface Imported extends Taken {
  readonly project: Project;
}

interface Following {
  readonly signal: AbortSignal;
  /** Called with the share of a zip that is sent, up to 1. */
  readonly onSent: (share: number) => void;
}

/**
 * Makes a project of *source*.
 *
 * Where that fails or the signal ends it, the project that was begun is gone again.
 */
export async function importProject(source: Source, following: Following): Promise<Imported> {
  const project = await api.createProject({ name: importName(source), description: "" });
  try {
    following.signal.throwIfAborted();
    return { project, ...(await take(project.id, source, following)) };
  } catch (error) {
    // Why it failed is worth more than that something empty is left behind.
    await api.deleteProject(project.id).catch(() => false);
    throw error;
  }
}

function take(projectId: string, source: Source, following: Following): Promise<Taken> {
  const path = `${projectPath(projectId)}/import/${source.kind}`;
  if (source.kind === "git") {
    return request("POST", path, { url: source.url, ref: source.ref }, {}, following.signal);
  }
  return upload({ path, body: source.file, type: "application/zip", ...following });
}

/** What a project is called that is made of *source*; people can rename it. */
export function importName(source: Source): string {
  const last = source.kind === "zip" ? source.file.name : lastPart(source.url);
  const bare = last.replace(/\.(?:zip|git)$/i, "").replaceAll(/[-_\s]+/g, " ").trim();
  const cut = [...bare].slice(0, MAX_NAME).join("");
  return cut === "" ? "Imported project" : cut.charAt(0).toUpperCase() + cut.slice(1);
}

function lastPart(url: string): string {
  return url.replace(/[?#].*$/, "").split("/").findLast((part) => part !== "") ?? "";
}
