import { describe, expect, test } from "vitest";

import { limitsOf, type SpendLimits } from "../src/server/limits";

const NONE: SpendLimits = {
  runUsd: null,
  maxRunUsd: null,
  projectUsd: null,
  maxProjectUsd: null,
  runTokens: null,
  maxRunTokens: null,
  userDayUsd: null,
  dayUsd: null,
};
const OWN = { maxRunCostUsd: 5, maxProjectCostUsd: null, maxRunTokens: null };

describe("the limit of a run that holds", () => {
  test.each([
    ["nobody says one", null, {}, null],
    ["its project says one", OWN, { runUsd: 1 }, 5],
    ["only the installation says one", null, { runUsd: 1 }, 1],
    ["nobody may have more", OWN, { runUsd: 1, maxRunUsd: 2 }, 2],
    ["only the most is said", null, { maxRunUsd: 2 }, 2],
    ["the usual one is above the most", null, { runUsd: 3, maxRunUsd: 2 }, 2],
    ["what is said is below the most", OWN, { maxRunUsd: 9 }, 5],
  ])("when %s", (_, own, house, limit) => {
    expect(limitsOf(own, { ...NONE, ...house }).maxRunCostUsd).toBe(limit);
  });

  test("as long as the installation's are not known the project's own are shown", () => {
    expect(limitsOf(OWN, undefined)).toEqual(OWN);
    expect(limitsOf(null, undefined).maxRunCostUsd).toBeNull();
  });

  test("of tokens and projects likewise", () => {
    const house = { ...NONE, runTokens: 10, maxRunTokens: 5, projectUsd: 7 };
    expect(limitsOf(OWN, house)).toEqual({ maxRunCostUsd: 5, maxProjectCostUsd: 7, maxRunTokens: 5 });
  });
});
