import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { count } from "../project/state";
import { limitsQuery } from "../server/limits";
import { type Spent, usage, type UsageReport } from "../server/settings-api";
import { Limit } from "../ui/limit";
import { Unloaded } from "../ui/notice";
import { ROW, Section } from "../ui/section";
import { dollarsOf, tokensOf } from "../units";

const DAYS = 30;
const DAY_MS = 86_400_000;

/** The last *count* days up to *now*, such as 2026-01-31; days are those of UTC. */
export function lastDays(now: number, many: number): string[] {
  return Array.from({ length: many }, (_, at) =>
    new Date(now - (many - 1 - at) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** What the models have cost somebody. */
export function Usage() {
  const [days] = useState(() => lastDays(Date.now(), DAYS));
  const from = days[0] ?? "";
  const limits = useQuery(limitsQuery);
  const report = useQuery({ queryKey: ["usage", from], queryFn: () => usage(from) });
  return (
    <Section
      title="Usage"
      about={`What language models have read, written and cost for you in the last ${DAYS} days.`}
      testId="usage-report"
    >
      {report.data !== undefined && !limits.isPending && (
        <Report report={report.data} days={days} most={limits.data?.limits.userDayUsd ?? null} />
      )}
      {report.error === null && (report.data === undefined || limits.isPending) && <div className="h-44" />}
      {report.data === undefined && report.error !== null && (
        <Unloaded message={report.error.message} retry={report.refetch} />
      )}
    </Section>
  );
}

interface ReportProps {
  report: UsageReport;
  days: readonly string[];
  /** What may be spent in a day, in US dollars; null is any amount. */
  most: number | null;
}

function Report({ report, days, most: limit }: ReportProps) {
  const { total } = report;
  const spent = new Map(report.days.map((day) => [day.day, day]));
  const most = Math.max(1, ...report.days.map(tokens));
  return (
    <>
      <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Figure label="Cost" value={dollarsOf(total.costUsd)} />
        <Figure label="Read" value={`${tokensOf(total.promptTokens)} tokens`} />
        <Figure label="Written" value={`${tokensOf(total.completionTokens)} tokens`} />
        <Figure label="Calls" value={total.calls.toLocaleString("en")} />
      </dl>
      <div className="mt-4 max-w-sm empty:hidden">
        <Limit
          label="Cost of today, in UTC"
          spent={spent.get(days.at(-1) ?? "")?.costUsd ?? 0}
          limit={limit}
          show={dollarsOf}
        />
      </div>
      <div
        role="img"
        aria-label={`Tokens by day: ${tokensOf(tokens(total))} in ${count(report.days.length, "day")}`}
        className="mt-6 flex h-20 items-end gap-0.5 border-b border-line sm:gap-1"
      >
        {days.map((day) => {
          const one = spent.get(day);
          const share = one === undefined ? 0 : tokens(one) / most;
          return (
            <span
              key={day}
              title={`${day}: ${one === undefined ? "nothing" : said(one)}`}
              className={`min-w-0 flex-1 rounded-t-sm ${one === undefined ? "bg-sunken" : "bg-accent"}`}
              style={{ height: one === undefined ? "2px" : `${Math.max(5, share * 100)}%` }}
            />
          );
        })}
      </div>
      <p className="mt-1 flex justify-between text-xs text-muted tabular-nums">
        <span>{days[0]}</span>
        <span>{days.at(-1)}</span>
      </p>
      {report.models.length > 0 && (
        <div className="mt-6 grid gap-4 sm:grid-cols-2">
          <Parts title="Models" parts={report.models.map((one) => ({ ...one, key: one.model, name: one.model }))} />
          <Parts title="Projects" parts={report.projects.map((one) => ({ ...one, key: one.projectId }))} linked />
        </div>
      )}
    </>
  );
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="text-sm text-muted">{label}</dt>
      <dd className="mt-0.5 text-xl font-semibold tracking-tight tabular-nums">{value}</dd>
    </div>
  );
}

interface Part extends Spent {
  readonly key: string;
  readonly name: string | null;
}

const SHOWN = 8;

function Parts({ title, parts, linked = false }: { title: string; parts: readonly Part[]; linked?: boolean }) {
  const most = parts.toSorted((a, b) => b.costUsd - a.costUsd || tokens(b) - tokens(a));
  return (
    <section aria-label={title} className="min-w-0">
      <h3 className="mb-2 text-sm font-semibold">{title}</h3>
      <ul className="divide-y divide-line overflow-hidden rounded-xl border border-line bg-surface">
        {most.slice(0, SHOWN).map((part) => (
          <li key={part.key} className={`${ROW} flex-nowrap!`} data-testid="usage-part">
            <p className="min-w-0 flex-1 truncate text-sm font-medium">
              {part.name === null && <span className="text-muted">Deleted</span>}
              {part.name !== null && !linked && part.name}
              {part.name !== null && linked && (
                <Link
                  to="/projects/$projectId"
                  params={{ projectId: part.key }}
                  className="hover:text-accent hover:underline"
                >
                  {part.name}
                </Link>
              )}
            </p>
            <p className="shrink-0 text-sm text-muted tabular-nums">{said(part)}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function tokens({ promptTokens, completionTokens }: Spent): number {
  return promptTokens + completionTokens;
}

function said(spent: Spent): string {
  const text = tokensOf(tokens(spent));
  return spent.costUsd > 0 ? `${text} · ${dollarsOf(spent.costUsd)}` : `${text} tokens`;
}
