/** What language models may cost on this installation. */

import { queryOptions } from "@tanstack/react-query";

import { request } from "./api";
import type { Settings } from "./settings-api";

/** In US dollars or in tokens; null is any amount. */
export interface SpendLimits {
  /** Of a run whose project says nothing. */
  readonly runUsd: number | null;
  /** Of any run, whatever its project says. */
  readonly maxRunUsd: number | null;
  readonly projectUsd: number | null;
  readonly maxProjectUsd: number | null;
  readonly runTokens: number | null;
  readonly maxRunTokens: number | null;
  /** Of all projects of one person in a day, in UTC. */
  readonly userDayUsd: number | null;
  /** Of all projects in a day. */
  readonly dayUsd: number | null;
}

export type LimitName = keyof SpendLimits;

export interface HouseLimits {
  readonly limits: SpendLimits;
  /** They are set where Atelier was started, and cannot be changed here. */
  readonly fixed: readonly LimitName[];
}

export const limitsQuery = queryOptions({
  queryKey: ["limits"],
  queryFn: () => request<HouseLimits>("GET", "/api/limits"),
  retry: false,
});

/** For administrators. */
export function changeLimits(wanted: SpendLimits): Promise<HouseLimits> {
  return request<HouseLimits>("PATCH", "/api/admin/limits", wanted);
}

export type OwnLimits = Pick<Settings, "maxRunCostUsd" | "maxProjectCostUsd" | "maxRunTokens">;

const NONE: OwnLimits = { maxRunCostUsd: null, maxProjectCostUsd: null, maxRunTokens: null };

/** What holds for a project: what it says, or else the installation, which bounds both. */
export function limitsOf(own: OwnLimits | null, house: SpendLimits | undefined): OwnLimits {
  const said = own ?? NONE;
  if (house === undefined) return said;
  return {
    maxRunCostUsd: within(house.maxRunUsd, said.maxRunCostUsd, house.runUsd),
    maxProjectCostUsd: within(house.maxProjectUsd, said.maxProjectCostUsd, house.projectUsd),
    maxRunTokens: within(house.maxRunTokens, said.maxRunTokens, house.runTokens),
  };
}

function within(most: number | null, own: number | null, otherwise: number | null): number | null {
  const chosen = own ?? otherwise;
  if (most === null || chosen === null) return chosen ?? most;
  return Math.min(most, chosen);
}
