import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { changeLimits, type HouseLimits, type LimitName, limitsQuery, type SpendLimits } from "../server/limits";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { Notice, Unloaded } from "../ui/notice";
import { Section } from "../ui/section";

interface Row {
  readonly title: string;
  readonly about: string;
  readonly fields: readonly (readonly [LimitName, string])[];
  readonly unit: "$" | "tokens";
}

const ROWS: readonly Row[] = [
  {
    title: "A run",
    about: "One prompt or message, until the app runs.",
    fields: [
      ["runUsd", "Default"],
      ["maxRunUsd", "Maximum"],
    ],
    unit: "$",
  },
  {
    title: "A run, in tokens",
    about: "Read and written. Holds for models without a price, too.",
    fields: [
      ["runTokens", "Default"],
      ["maxRunTokens", "Maximum"],
    ],
    unit: "tokens",
  },
  {
    title: "A project",
    about: "All of its runs together.",
    fields: [
      ["projectUsd", "Default"],
      ["maxProjectUsd", "Maximum"],
    ],
    unit: "$",
  },
  {
    title: "A day",
    about: "In UTC.",
    fields: [
      ["userDayUsd", "One person"],
      ["dayUsd", "Everybody"],
    ],
    unit: "$",
  },
];

/** What language models may cost here: seen by all, changed by administrators. */
export function Limits() {
  const limits = useQuery(limitsQuery);
  return (
    <Section
      title="Spending limits"
      about="A run ends when it reaches one. The default holds where a project's settings say nothing, the maximum whatever they say. Empty is any amount."
      testId="limits"
    >
      {limits.data !== undefined && <Form house={limits.data} />}
      {/* As high as the form, so that what is below stays where it is. */}
      {limits.data === undefined && limits.error === null && <div className="h-[47rem] sm:h-[31rem]" />}
      {limits.data === undefined && limits.error !== null && (
        <Unloaded message={limits.error.message} retry={limits.refetch} />
      )}
    </Section>
  );
}

function Form({ house }: { house: HouseLimits }) {
  const queries = useQueryClient();
  const [saved, setSaved] = useState(false);
  const change = useMutation({
    mutationFn: changeLimits,
    onSuccess: (now) => {
      queries.setQueryData(limitsQuery.queryKey, now);
      setSaved(true);
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    change.mutate(read(new FormData(event.currentTarget), house));
  };
  return (
    <form onSubmit={submit} onChange={() => setSaved(false)}>
      <div className="divide-y divide-line rounded-xl border border-line bg-surface">
        {ROWS.map((row) => (
          <RowFields key={row.title} row={row} house={house} />
        ))}
      </div>
      {change.error !== null && (
        <div className="mt-4">
          <Notice>{change.error.message}</Notice>
        </div>
      )}
      <div className="mt-5 flex flex-wrap items-center gap-3">
        <Button type="submit" busy={change.isPending} data-testid="save-limits">
          Save limits
        </Button>
        <p role="status" className="text-sm text-accent">
          {saved && "Saved. They hold from the next call of a model on."}
        </p>
      </div>
    </form>
  );
}

function RowFields({ row: { title, about, fields, unit }, house }: { row: Row; house: HouseLimits }) {
  const isMoney = unit === "$";
  return (
    <div
      role="group"
      aria-label={title}
      className="grid grid-cols-2 gap-x-4 gap-y-3 px-4 py-4 sm:grid-cols-[1fr_9rem_9rem] sm:px-5"
    >
      <div className="max-sm:col-span-2">
        <h3 className="font-medium">{title}</h3>
        <p className="text-sm text-muted">{about}</p>
      </div>
      {fields.map(([name, label]) => {
        const fixed = house.fixed.includes(name);
        return (
          <Field
            key={name}
            label={isMoney ? `${label}, $` : label}
            name={name}
            type="number"
            inputMode={isMoney ? "decimal" : "numeric"}
            min={isMoney ? 0 : 1}
            max={isMoney ? 1_000_000 : 1_000_000_000_000}
            step={isMoney ? "any" : 1}
            defaultValue={house.limits[name] ?? ""}
            placeholder="Any"
            disabled={fixed}
            hint={fixed ? "Set where Atelier was started." : undefined}
          />
        );
      })}
    </div>
  );
}

/** What the form says; those that cannot be changed are not in it. */
function read(form: FormData, { limits }: HouseLimits): SpendLimits {
  const names = Object.keys(limits) as LimitName[];
  const said = names.map((name) => {
    const value = form.get(name);
    if (typeof value !== "string") return [name, limits[name]] as const;
    return [name, value.trim() === "" ? null : Number(value)] as const;
  });
  return Object.fromEntries(said) as unknown as SpendLimits;
}
