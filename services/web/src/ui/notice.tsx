import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "./button";

interface NoticeProps {
  children: ReactNode;
  /** The way on: buttons or links. */
  actions?: ReactNode;
  testId?: string;
}

/** What went wrong, in one sentence, and what to do about it. */
export function Notice({ children, actions, testId }: NoticeProps) {
  return (
    <div
      role="alert"
      data-testid={testId}
      className="flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md bg-danger-soft px-3.5 py-2.5 text-sm text-ink"
    >
      <p className="flex min-w-0 flex-1 basis-56 items-start gap-2.5">
        <CircleAlert aria-hidden size={18} className="mt-px shrink-0 text-danger" />
        <span className="min-w-0 break-words">{children}</span>
      </p>
      {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
    </div>
  );
}

interface UnloadedProps {
  message: string;
  retry: () => unknown;
}

/** What could not be loaded, and another try. */
export function Unloaded({ message, retry }: UnloadedProps) {
  return (
    <Notice
      actions={
        <Button size="small" look="outline" onClick={() => void retry()}>
          Try again
        </Button>
      }
    >
      {message}
    </Notice>
  );
}
