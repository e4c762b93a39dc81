/** The files of a project over REST. */

import { projectPath, request } from "./api";

export interface ProjectFile {
  readonly id: string;
  readonly projectId: string;
  readonly path: string;
  readonly content: string;
  readonly encoding: "utf-8" | "base64";
  readonly sha256: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The largest file that is no text, in bytes. */
export const MAX_ASSET_BYTES = 4_194_304;

/**
 * Saves *content* as *path*.
 *
 * *before* is what it is a change of, null for a file that is new: where something else is there by
 * now, nothing is written and it fails with 409.
 */
export async function saveFile(
  projectId: string,
  path: string,
  content: string,
  before: string | null,
): Promise<ProjectFile> {
  return request("PUT", filesPath(projectId), { path, content }, await condition(before));
}

/** Saves a file as it is on a disk; fails where there is one of that name. */
export async function uploadFile(projectId: string, path: string, file: Blob): Promise<ProjectFile> {
  const place = `${projectPath(projectId)}/assets?path=${encodeURIComponent(path)}`;
  return request("PUT", place, file, { "if-none-match": "*" });
}

/** Removes a file as it is now. */
export async function deleteFile(projectId: string, path: string): Promise<void> {
  const files = await request<ProjectFile[]>("GET", filesPath(projectId));
  const file = files.find((candidate) => candidate.path === path);
  // Somebody else was faster.
  if (file === undefined) return;
  const one = `${filesPath(projectId)}/${file.id}`;
  await request("DELETE", one, undefined, { "if-match": `"${file.sha256}"` });
}

/** Where a browser downloads a project. */
export function exportPath(projectId: string, as: "zip" | "git"): string {
  return `${projectPath(projectId)}/export/${as}`;
}

function filesPath(projectId: string): string {
  return `/api/project-files/${encodeURIComponent(projectId)}`;
}

/** Browsers compute digests on secure origins only, localhost among them. */
async function condition(before: string | null): Promise<Record<string, string>> {
  if (before === null) return { "if-none-match": "*" };
  if (!("subtle" in crypto)) return {};
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(before));
  const digits = Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0"));
  return { "if-match": `"${digits.join("")}"` };
}
