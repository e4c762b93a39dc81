import { Link } from "@tanstack/react-router";
import { EllipsisVertical, Settings } from "lucide-react";

import type { ProjectState } from "../../project/state";
import { buttonClass } from "../../ui/button";
import { Popover } from "../../ui/popover";
import { ThemeToggle } from "../../ui/theme-toggle";
import { SpentAmounts } from "./spent";

interface MoreProps {
  projectId: string;
  project: ProjectState;
}

/** What the head of a phone has no room for. */
export function More({ projectId, project }: MoreProps) {
  return (
    <Popover
      label="More"
      testId="more-open"
      className={`${buttonClass("quiet", "small")} size-8 px-0!`}
      trigger={
        <>
          <EllipsisVertical aria-hidden size={17} />
          <span className="sr-only">More</span>
        </>
      }
    >
      <div className="flex items-center justify-between gap-2" data-testid="more">
        <Link
          to="/projects/$projectId/settings"
          params={{ projectId }}
          className={buttonClass("outline")}
          data-testid="more-settings"
        >
          <Settings aria-hidden size={17} />
          Settings
        </Link>
        <ThemeToggle />
      </div>
      <div className="mt-4 empty:hidden">
        <SpentAmounts project={project} />
      </div>
    </Popover>
  );
}
