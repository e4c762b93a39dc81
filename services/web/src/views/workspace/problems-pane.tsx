import { CircleX, Sparkles, TriangleAlert } from "lucide-react";
import { memo } from "react";

import type { Problem } from "../../project/problems";
import { Button } from "../../ui/button";

interface ProblemsPaneProps {
  problems: readonly Problem[];
  onOpen: (problem: Problem) => void;
  /** Asks the agent to repair them; absent where nothing can be said. */
  onRepair: ((problems: readonly Problem[]) => void) | undefined;
}

/** Everything that is known to be wrong, with the way to it and the way out of it. */
export const ProblemsPane = memo(function ProblemsPane({
  problems,
  onOpen,
  onRepair,
}: ProblemsPaneProps) {
  if (problems.length === 0) {
    return (
      <p className="px-4 py-2 text-sm text-muted" data-testid="no-problems">
        No problems are known.
      </p>
    );
  }
  return (
    <ul className="h-full overflow-y-auto py-1 text-sm" data-testid="problems">
      {problems.map((problem) => (
        <li
          key={problem.key}
          data-testid="problem"
          data-path={problem.path}
          data-line={problem.line}
          className="flex items-center gap-2.5 px-4 py-0.5 hover:bg-sunken"
        >
          {problem.severity === "error" ? (
            <CircleX aria-label="Error" size={16} className="shrink-0 text-danger" />
          ) : (
            <TriangleAlert aria-label="Warning" size={16} className="shrink-0 text-chalk" />
          )}
          <span className="min-w-0 flex-1 break-words">
            {problem.message}{" "}
            {problem.path !== null && (
              <button
                type="button"
                onClick={() => onOpen(problem)}
                className="font-mono text-[0.8125rem] text-accent underline underline-offset-2 hover:text-accent-strong"
              >
                {placeOf(problem)}
              </button>
            )}
          </span>
          {onRepair !== undefined && (
            <Button
              size="tiny"
              look="quiet"
              icon={<Sparkles aria-hidden size={14} />}
              onClick={() => onRepair([problem])}
              data-testid="repair"
            >
              Repair
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
});

export function placeOf({ path, line, column }: Problem): string {
  return [path, line, column].filter((part) => part !== null).join(":");
}

/** What to say to the agent about *problems*. */
export function repairMessage(problems: readonly Problem[]): string {
  const lines = problems.slice(0, 20).map((problem) => {
    const place = placeOf(problem);
    return `- ${place === "" ? "" : `${place}: `}${problem.message}`;
  });
  return `Repair ${problems.length === 1 ? "this problem" : "these problems"}:\n${lines.join("\n")}`;
}
