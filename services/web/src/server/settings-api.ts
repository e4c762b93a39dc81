/** Models, a project's settings and variables, and usage over REST. */

import { projectPath, request } from "./api";

export interface Model {
  readonly id: string;
  readonly name: string;
  readonly contextTokens: number | null;
  /** US dollars for a million tokens. */
  readonly promptUsd: number | null;
  /** US dollars for a million tokens. */
  readonly completionUsd: number | null;
  readonly seesImages: boolean;
  /** It answers in JSON of a given schema. */
  readonly plans: boolean;
}

/** All models, and who works where a project names none. */
export interface ModelList {
  readonly models: readonly Model[];
  readonly designModels: readonly string[];
  readonly writeModels: readonly string[];
}

/** What a person has chosen; null and empty are as the installation is configured. */
export interface Settings {
  readonly designModels: readonly string[];
  readonly writeModels: readonly string[];
  readonly lockedPaths: readonly string[];
  readonly maxRunCostUsd: number | null;
  readonly maxProjectCostUsd: number | null;
  readonly maxRunTokens: number | null;
}

export interface Variable {
  readonly name: string;
  readonly secret: boolean;
  /** Null where it is a secret. */
  readonly value: string | null;
  readonly updatedAt: string;
}

export interface Spent {
  readonly calls: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: number;
}

export interface UsageReport {
  readonly total: Spent;
  readonly days: readonly (Spent & { readonly day: string })[];
  readonly models: readonly (Spent & { readonly model: string })[];
  readonly projects: readonly (Spent & {
    readonly projectId: string;
    /** Null where the project is gone. */
    readonly name: string | null;
  })[];
}

/** From *from* on, a day such as 2026-01-31. */
export const usage = (from: string) => request<UsageReport>("GET", `/api/usage?from=${from}`);

export const models = () => request<ModelList>("GET", "/api/models");

export const settings = {
  get: (projectId: string) => request<Settings>("GET", `${projectPath(projectId)}/settings`),
  change: (projectId: string, change: Partial<Settings>) =>
    request<Settings>("PATCH", `${projectPath(projectId)}/settings`, change),
};

export const variables = {
  all: (projectId: string) =>
    request<Variable[]>("GET", `${projectPath(projectId)}/variables`),
  put: (projectId: string, { name, ...value }: { name: string; value: string; secret: boolean }) =>
    request<Variable>("PUT", `${projectPath(projectId)}/variables/${encodeURIComponent(name)}`, value),
  remove: (projectId: string, name: string) =>
    request<boolean>("DELETE", `${projectPath(projectId)}/variables/${encodeURIComponent(name)}`),
};
