import { useMutation, type UseQueryResult, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import type { SpendLimits } from "../../server/limits";
import { type ModelList, type Settings, settings } from "../../server/settings-api";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Notice, Unloaded } from "../../ui/notice";
import { Section } from "../../ui/section";
import { dollarsOf } from "../../units";
import { ModelChoice } from "./model-choice";

interface ChoicesProps {
  projectId: string;
  chosen: UseQueryResult<Settings>;
  models: UseQueryResult<ModelList>;
  /** What holds for every project; undefined where it is not known. */
  house: SpendLimits | undefined;
}

/** Models, limits and locked paths, saved together; the form begins with what is chosen. */
export function Choices({ projectId, chosen, models, house }: ChoicesProps) {
  if (chosen.data === undefined) {
    return (
      <Section title="Models and limits" testId="settings">
        <Unloaded message={chosen.error?.message ?? "The settings are not there yet."} retry={chosen.refetch} />
      </Section>
    );
  }
  return <Form projectId={projectId} chosen={chosen.data} models={models} house={house} />;
}

interface FormProps extends Omit<ChoicesProps, "chosen"> {
  chosen: Settings;
}

function Form({ projectId, chosen, models, house }: FormProps) {
  const queries = useQueryClient();
  const [saved, setSaved] = useState(false);
  const change = useMutation({
    mutationFn: (wanted: Settings) => settings.change(projectId, wanted),
    onSuccess: (now) => {
      queries.setQueryData(["settings", projectId], now);
      setSaved(true);
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    change.mutate(read(new FormData(event.currentTarget), chosen));
  };
  return (
    <form onSubmit={submit} onChange={() => setSaved(false)}>
      <Section
        title="Models"
        about="Who plans and who writes. The second one answers where the first one cannot."
        testId="settings-models"
      >
        {models.error !== null && (
          <div className="mb-4">
            <Notice>{models.error.message}</Notice>
          </div>
        )}
        <div className="grid gap-x-4 gap-y-5 sm:grid-cols-2">
          <ModelChoice name="designModels" label="Planning" chosen={chosen.designModels} list={models.data} />
          <ModelChoice name="writeModels" label="Writing" chosen={chosen.writeModels} list={models.data} />
        </div>
      </Section>
      <Section
        title="Limits"
        about="A run ends when it reaches one. Empty: what holds for every project here."
        testId="settings-limits"
      >
        <div className="grid gap-4 sm:grid-cols-3">
          <Limit
            label="Dollars for a run"
            name="maxRunCostUsd"
            value={chosen.maxRunCostUsd}
            otherwise={house?.runUsd}
            most={house?.maxRunUsd}
            money
          />
          <Limit
            label="Dollars for the project"
            name="maxProjectCostUsd"
            value={chosen.maxProjectCostUsd}
            otherwise={house?.projectUsd}
            most={house?.maxProjectUsd}
            money
          />
          <Limit
            label="Tokens for a run"
            name="maxRunTokens"
            value={chosen.maxRunTokens}
            otherwise={house?.runTokens}
            most={house?.maxRunTokens}
          />
        </div>
      </Section>
      <Section
        title="Locked files"
        about="The agent must not change them; you still can. One path a line, a folder with a slash at its end."
        testId="settings-locked"
      >
        <textarea
          name="lockedPaths"
          aria-label="Locked paths"
          rows={4}
          defaultValue={chosen.lockedPaths.join("\n")}
          placeholder={"LICENSE\npublic/"}
          spellCheck={false}
          className="w-full rounded-md border border-control bg-surface px-3 py-2 font-mono text-sm placeholder:text-muted"
        />
        <div className="mt-5 flex flex-wrap items-center gap-3">
          <Button type="submit" busy={change.isPending} data-testid="save-settings">
            Save models, limits and locks
          </Button>
          <p role="status" className="text-sm text-accent">
            {saved && "Saved. A run follows them at its next step."}
          </p>
        </div>
        {change.error !== null && (
          <div className="mt-4">
            <Notice>{change.error.message}</Notice>
          </div>
        )}
      </Section>
    </form>
  );
}

interface LimitProps {
  label: string;
  name: string;
  value: number | null;
  /** What holds where the project says nothing. */
  otherwise: number | null | undefined;
  /** What holds whatever it says. */
  most: number | null | undefined;
  money?: boolean;
}

function Limit({ label, name, value, otherwise, most, money = false }: LimitProps) {
  const show = money ? dollarsOf : (tokens: number) => tokens.toLocaleString("en");
  const usual = otherwise ?? most ?? null;
  return (
    <Field
      label={label}
      name={name}
      type="number"
      inputMode={money ? "decimal" : "numeric"}
      min={money ? 0 : 1}
      max={money ? 1_000_000 : 1_000_000_000_000}
      step={money ? "any" : 1}
      defaultValue={value ?? ""}
      placeholder={usual === null ? "Any amount" : show(usual)}
      hint={most === null || most === undefined ? undefined : `At most ${show(most)} here.`}
    />
  );
}

/** What the form says; of longer lists of models the rest stays. */
export function read(form: FormData, chosen: Settings): Settings {
  const number = (name: string) => {
    const text = String(form.get(name) ?? "").trim();
    return text === "" ? null : Number(text);
  };
  const names = (name: "designModels" | "writeModels") => {
    const wanted = [...form.getAll(name).map(String), ...chosen[name].slice(2)];
    return [...new Set(wanted.filter((model) => model !== ""))];
  };
  const paths = String(form.get("lockedPaths") ?? "").split("\n");
  return {
    designModels: names("designModels"),
    writeModels: names("writeModels"),
    lockedPaths: [...new Set(paths.map((path) => path.trim()).filter((path) => path !== ""))],
    maxRunCostUsd: number("maxRunCostUsd"),
    maxProjectCostUsd: number("maxProjectCostUsd"),
    maxRunTokens: number("maxRunTokens"),
  };
}
