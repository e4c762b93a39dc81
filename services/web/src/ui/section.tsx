import type { ReactNode } from "react";

import { Button, Spinner } from "./button";
import { Unloaded } from "./notice";

interface SectionProps {
  title: string;
  about?: string;
  /** What can be done with all of it. */
  actions?: ReactNode;
  children: ReactNode;
  testId: string;
}

/** A part of a page of settings. */
export function Section({ title, about, actions, children, testId }: SectionProps) {
  return (
    <section aria-label={title} data-testid={testId} className="border-t border-line pt-6 pb-10">
      <div className="mb-4 flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-64">
          <h2 className="text-lg font-semibold">{title}</h2>
          {about !== undefined && <p className="mt-0.5 text-sm text-muted">{about}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** An item of such a list. */
export const ROW = "flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 sm:px-5";

/** As high as a list of one, so that what is below stays where it is. */
const EMPTY =
  "flex min-h-[4.375rem] items-center gap-2 rounded-xl border border-dashed border-line px-4 text-sm text-muted sm:px-5";

interface ListedProps<T> {
  query: { data: readonly T[] | undefined; error: Error | null; refetch: () => unknown };
  /** What is said where there is nothing. */
  empty: string;
  renderItem: (item: T) => ReactNode;
}

/** A list that is loaded: with what to show meanwhile, without anything, and when it fails. */
export function Listed<T>({ query, empty, renderItem }: ListedProps<T>) {
  if (query.data === undefined && query.error !== null) {
    return (
      <Unloaded message={query.error.message} retry={query.refetch} />
    );
  }
  if (query.data === undefined) {
    return (
      <p role="status" className={EMPTY}>
        <Spinner /> Loading
      </p>
    );
  }
  if (query.data.length === 0) return <p className={EMPTY}>{empty}</p>;
  return (
    <ul className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface">
      {query.data.map(renderItem)}
    </ul>
  );
}

interface SecretProps {
  /** What it is, such as `token`. */
  noun: string;
  value: string;
}

/** A secret that is shown this once. */
export function Secret({ noun, value }: SecretProps) {
  return (
    <div role="status" className="mb-4 rounded-lg bg-chalk-soft p-4 text-sm" data-testid="secret">
      <p className="font-semibold">Copy this {noun} now: it is not shown again.</p>
      <p className="mt-2 rounded bg-surface px-3 py-2 font-mono text-[0.8125rem] break-all select-all">
        {value}
      </p>
      {"clipboard" in navigator && (
        <Button
          size="small"
          look="outline"
          className="mt-3"
          onClick={() => void navigator.clipboard.writeText(value)}
        >
          Copy
        </Button>
      )}
    </div>
  );
}
