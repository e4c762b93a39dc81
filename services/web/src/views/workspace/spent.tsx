import { useQuery } from "@tanstack/react-query";

import type { ProjectState, Usage } from "../../project/state";
import { limitsOf, limitsQuery } from "../../server/limits";
import { Limit } from "../../ui/limit";
import { Popover } from "../../ui/popover";
import { dollarsOf, tokensOf } from "../../units";

/** What the models have taken so far, and how much of the limits that is. */
export function Spent({ project }: { project: ProjectState }) {
  const { usage } = project;
  if (tokens(usage) === 0) return null;
  return (
    <Popover
      label="Tokens and cost"
      testId="usage"
      className="rounded-md px-2 py-1 text-sm whitespace-nowrap text-muted tabular-nums hover:bg-sunken hover:text-ink max-sm:hidden"
      trigger={
        <>
          {tokensOf(tokens(usage))} tokens
          {usage.costUsd !== null && usage.costUsd > 0 && ` · ${dollarsOf(usage.costUsd)}`}
        </>
      }
    >
      <SpentAmounts project={project} />
    </Popover>
  );
}

/** The same where there is room below a menu; nothing as long as nothing was spent. */
export function SpentAmounts({ project }: { project: ProjectState }) {
  const { usage, runUsage, settings } = project;
  const house = useQuery(limitsQuery).data?.limits;
  if (tokens(usage) === 0) return null;
  const limits = limitsOf(settings, house);
  return (
    <>
      <Amounts title="Last run" usage={runUsage} />
      <Limit label="Tokens of a run" spent={tokens(runUsage)} limit={limits.maxRunTokens} show={tokensOf} />
      <Limit label="Cost of a run" spent={runUsage.costUsd ?? 0} limit={limits.maxRunCostUsd} show={dollarsOf} />
      <hr className="my-3 border-line" />
      <Amounts title="All runs" usage={usage} />
      <Limit
        label="Cost of the project"
        spent={usage.costUsd ?? 0}
        limit={limits.maxProjectCostUsd}
        show={dollarsOf}
      />
      {Object.values(limits).every((limit) => limit === null) && (
        <p className="mt-3 text-xs text-muted">
          Nothing limits what runs may cost. The settings of the project can.
        </p>
      )}
    </>
  );
}

function tokens({ promptTokens, completionTokens }: Usage): number {
  return promptTokens + completionTokens;
}

function Amounts({ title, usage }: { title: string; usage: Usage }) {
  return (
    <>
      <h2 className="text-sm font-semibold">{title}</h2>
      <dl className="mt-1 grid grid-cols-[1fr_auto] gap-x-4 text-sm text-muted tabular-nums">
        <dt>Read by the model</dt>
        <dd className="text-right">{usage.promptTokens.toLocaleString("en")}</dd>
        <dt>Written by the model</dt>
        <dd className="text-right">{usage.completionTokens.toLocaleString("en")}</dd>
        <dt>Cost</dt>
        <dd className="text-right">{usage.costUsd === null ? "not told" : dollarsOf(usage.costUsd)}</dd>
      </dl>
    </>
  );
}
