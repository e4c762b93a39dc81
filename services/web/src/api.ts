/** The REST API, typed; every failure is an `ApiError` with a sentence for a person. */

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly status: string;
  readonly previewUrl: string | null;
  readonly sandboxId: string | null;
  readonly userId: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface ProjectFile {
  readonly id: string;
  readonly projectId: string;
  readonly path: string;
  readonly content: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Config {
  /** Answers come from built-in apps, because no key of a real model is set. */
  readonly demoModel: boolean;
}

/** *status* is 0 where no answer came. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export const api = {
  config: () => request<Config>("GET", "/api/config"),
  projects: () => request<Project[]>("GET", "/api/projects"),
  project: (id: string) => request<Project>("GET", projectPath(id)),
  createProject: (project: { name: string; description: string }) =>
    request<Project>("POST", "/api/projects", project),
  updateProject: (id: string, change: { name?: string; description?: string }) =>
    request<Project>("PATCH", projectPath(id), change),
  deleteProject: (id: string) => request<boolean>("DELETE", projectPath(id)),
  saveFile: (projectId: string, path: string, content: string) =>
    request<ProjectFile>("PUT", `/api/project-files/${encodeURIComponent(projectId)}`, {
      path,
      content,
    }),
};

function projectPath(id: string): string {
  return `/api/projects/${encodeURIComponent(id)}`;
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, "Atelier does not answer. Check that it is running, then try again.");
  }
  if (!response.ok) throw new ApiError(response.status, await sentence(response));
  return (await response.json()) as T;
}

/** What the server said, where it is a sentence; else what the status means. */
async function sentence(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  const text = type.startsWith("text/plain") ? (await response.text()).trim() : "";
  if (response.status === 429) return limited(text, response.headers.get("retry-after"));
  if (text !== "" && text.length <= 300) return text;
  if (response.status === 401) return "Sign in to go on.";
  if (response.status === 404) return "There is nothing at this address.";
  if (response.status === 503) return "Atelier is still starting. Try again in a moment.";
  return `The server could not do this (${response.status}). Try again.`;
}

function limited(text: string, retryAfter: string | null): string {
  const seconds = Number(retryAfter);
  const said = text === "" ? "Too many requests." : text;
  return seconds > 0 ? `${said} Try again in ${seconds} s.` : said;
}
