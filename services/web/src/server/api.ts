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

export interface Config {
  /** Answers come from built-in apps, because no key of a real model is set. */
  readonly demoModel: boolean;
  /** What the other server is called on which people can sign in; null where there is none. */
  readonly signInElsewhere: string | null;
  /** Generated apps reach nothing of the machine that they run on; null where nobody says. */
  readonly appsApart: boolean | null;
  /** What they share with it, in a sentence. */
  readonly isolation: string | null;
}

/** A login that is open; *token* names it and does not open it. */
export interface Session {
  readonly id: string;
  readonly token: string;
  readonly ipAddress: string;
  readonly userAgent: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly expiresAt: string;
}

export type Scope = "projects:read" | "projects:write";

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

/** A token as it is shown once. */
export interface MadeToken extends ApiToken {
  readonly token: string;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly isAdministrator: boolean;
  readonly disabled: boolean;
  readonly hasPassword: boolean;
  readonly createdAt: string;
}

export type SignUpRule = "open" | "invite" | "closed";

export interface SignUpState {
  readonly signUp: SignUpRule;
  /** It was said where Atelier was started, and cannot be changed here. */
  readonly isFixed: boolean;
}

export interface Invitation {
  readonly id: string;
  readonly email: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
}

/** An invitation whose code is shown once. */
export interface MadeInvitation extends Invitation {
  readonly code: string;
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
  opening: (id: string) =>
    request<{ openingUrl: string | null }>("GET", `${projectPath(id)}/opening`),
  deleteProject: (id: string) => request<boolean>("DELETE", projectPath(id)),
};

export const account = {
  currentSession: () =>
    request<{ session: Session } | null>("GET", "/api/auth/get-session").then(
      (current) => current?.session ?? null,
    ),
  sessions: () => request<Session[]>("GET", "/api/auth/list-sessions"),
  revokeSession: (token: string) => request("POST", "/api/auth/revoke-session", { token }),
  revokeOthers: () => request("POST", "/api/auth/revoke-other-sessions", {}),
  changePassword: (currentPassword: string, newPassword: string) =>
    request("POST", "/api/auth/change-password", {
      currentPassword,
      newPassword,
      revokeOtherSessions: true,
    }),
  tokens: () => request<ApiToken[]>("GET", "/api/tokens"),
  createToken: (token: { name: string; scopes: Scope[]; expiresAt: string | null }) =>
    request<MadeToken>("POST", "/api/tokens", token),
  revokeToken: (id: string) => request<boolean>("DELETE", `/api/tokens/${id}`),
};

/** For administrators; everybody else is refused with 403. */
export const administration = {
  users: (after: string | null) =>
    request<Person[]>("GET", `/api/admin/users${after === null ? "" : `?after=${after}`}`),
  changeUser: (id: string, change: { disabled?: boolean; isAdministrator?: boolean }) =>
    request<Person>("PATCH", `/api/admin/users/${id}`, change),
  signUp: () => request<SignUpState>("GET", "/api/admin/sign-up"),
  setSignUp: (signUp: SignUpRule) =>
    request<SignUpState>("PATCH", "/api/admin/sign-up", { signUp }),
  invitations: () => request<Invitation[]>("GET", "/api/admin/invitations"),
  invite: (email: string | null) =>
    request<MadeInvitation>("POST", "/api/admin/invitations", { email }),
  withdraw: (id: string) => request<boolean>("DELETE", `/api/admin/invitations/${id}`),
};

/** Where a project is. */
export function projectPath(id: string): string {
  return `/api/projects/${encodeURIComponent(id)}`;
}

/** Asks the server, and returns what it answers; a blob is sent as it is, all else as JSON. */
export async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<T> {
  const raw = body instanceof Blob;
  const type = raw ? "application/octet-stream" : "application/json";
  const init: RequestInit = { method, headers: { accept: "application/json", ...headers } };
  if (signal !== undefined) init.signal = signal;
  if (body !== undefined) {
    init.body = raw ? body : JSON.stringify(body);
    init.headers = { "content-type": type, ...init.headers };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw unanswered();
  }
  return answered(response);
}

/** No answer came. */
export function unanswered(): ApiError {
  return new ApiError(0, "Atelier does not answer. Check that it is running, then try again.");
}

/** What a response says, or why it is a refusal. */
export async function answered<T>(response: Response): Promise<T> {
  if (!response.ok) throw new ApiError(response.status, await sentence(response));
  return (await response.json()) as T;
}

/** What the server said, where it is a sentence; else what the status means. */
async function sentence(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  const text = type.startsWith("text/plain")
    ? (await response.text()).trim()
    : await refusalIn(response, type);
  if (response.status === 429) return limited(text, response.headers.get("retry-after"));
  if (text !== "" && text.length <= 300) return text;
  if (response.status === 401) return "Sign in to go on.";
  if (response.status === 403) return "Only an administrator may do this.";
  if (response.status === 404) return "There is nothing at this address.";
  if (response.status === 503) return "Atelier is still starting. Try again in a moment.";
  return `The server could not do this (${response.status}). Try again.`;
}

/** The endpoints of accounts say in JSON what is wrong. */
async function refusalIn(response: Response, type: string): Promise<string> {
  if (!type.startsWith("application/json")) return "";
  const body: unknown = await response.json().catch(() => null);
  if (typeof body !== "object" || body === null || !("message" in body)) return "";
  return typeof body.message === "string" ? body.message : "";
}

function limited(text: string, retryAfter: string | null): string {
  const seconds = Number(retryAfter);
  const said = text === "" ? "Too many requests." : text;
  return seconds > 0 ? `${said} Try again in ${seconds} s.` : said;
}
