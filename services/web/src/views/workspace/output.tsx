import { SquareTerminal, TriangleAlert } from "lucide-react";
import { memo, useState } from "react";

import type { Problem } from "../../project/problems";
import { count, type LogLine } from "../../project/state";
import { Button } from "../../ui/button";
import { LogFilterFields, LogPane, NO_FILTER } from "./log-pane";
import { ProblemsPane } from "./problems-pane";
import { TabBar } from "./tab-bar";

interface OutputProps {
  logs: readonly LogLine[];
  problems: readonly Problem[];
  shown: OutputView;
  onShow: (view: OutputView) => void;
  onOpen: (problem: Problem) => void;
  onRepair: ((problems: readonly Problem[]) => void) | undefined;
}

export type OutputView = "log" | "problems";

/** What comes out of the app: its log, and what is wrong with it. */
export const Output = memo(function Output({
  logs,
  problems,
  shown,
  onShow,
  onOpen,
  onRepair,
}: OutputProps) {
  const [filter, setFilter] = useState(NO_FILTER);
  return (
    <section aria-label="Output" className="flex h-full flex-col bg-surface">
      <div className="flex h-9 shrink-0 items-center gap-3 border-b border-line px-3">
        <TabBar
          label="Output"
          tabs={{
            log: { label: "Log", icon: SquareTerminal },
            problems: { label: "Problems", icon: TriangleAlert, count: problems.length },
          }}
          selected={shown}
          onSelect={onShow}
          prefix="output-"
          compact
        />
        {shown === "log" ? (
          <>
            <p className="min-w-0 flex-1 truncate text-xs text-muted tabular-nums">
              {logs.length > 0 && count(logs.length, "line")}
            </p>
            <LogFilterFields filter={filter} setFilter={setFilter} />
          </>
        ) : (
          <>
            <span className="flex-1" />
            {problems.length > 1 && onRepair !== undefined && (
              <Button
                size="tiny"
                look="outline"
                onClick={() => onRepair(problems)}
                data-testid="repair-all"
              >
                Repair all
              </Button>
            )}
          </>
        )}
      </div>
      <div
        id="view-output-log"
        role="tabpanel"
        aria-label="Log"
        hidden={shown !== "log"}
        className="min-h-0 flex-1"
      >
        <LogPane logs={logs} filter={filter} />
      </div>
      <div
        id="view-output-problems"
        role="tabpanel"
        aria-label="Problems"
        hidden={shown !== "problems"}
        className="min-h-0 flex-1"
      >
        <ProblemsPane problems={problems} onOpen={onOpen} onRepair={onRepair} />
      </div>
    </section>
  );
});
