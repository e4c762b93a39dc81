import type { Model, ModelList } from "../../server/settings-api";
import { INPUT_CLASS } from "../../ui/field";
import { dollarsOf, tokensOf } from "../../units";

interface ModelChoiceProps {
  name: "designModels" | "writeModels";
  label: string;
  chosen: readonly string[];
  list: ModelList | undefined;
}

/** The first model for a task, and the one that stands in for it. */
export function ModelChoice({ name, label, chosen, list }: ModelChoiceProps) {
  const [configured = "the configured model"] = list?.[name] ?? [];
  const able = (list?.models ?? []).filter((model) => name === "writeModels" || model.plans);
  return (
    <div className="space-y-3">
      <Select label={label} name={name} value={chosen[0] ?? ""} none={`As configured (${configured})`} models={able} />
      <Select label={`${label}, stand-in`} name={name} value={chosen[1] ?? ""} none="None" models={able} />
    </div>
  );
}

interface SelectProps {
  label: string;
  name: string;
  value: string;
  /** What it means that nothing is chosen. */
  none: string;
  models: readonly Model[];
}

function Select({ label, name, value, none, models }: SelectProps) {
  const known = value === "" || models.some(({ id }) => id === value);
  return (
    <label className="block text-sm font-medium">
      <span className="mb-1.5 block">{label}</span>
      {/* Another list is another field: what is chosen has to be in it. */}
      <select key={models.length} name={name} defaultValue={value} className={`${INPUT_CLASS} h-11 truncate text-base font-normal`}>
        <option value="">{none}</option>
        {!known && <option value={value}>{value}</option>}
        {models.map((model) => (
          <option key={model.id} value={model.id}>
            {describe(model)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A model with what it costs, as one line. */
export function describe({ name, contextTokens, promptUsd, completionUsd }: Model): string {
  const parts = [name];
  if (contextTokens !== null) parts.push(`${tokensOf(contextTokens)} context`);
  if (promptUsd !== null && completionUsd !== null) {
    parts.push(`${dollarsOf(promptUsd)} / ${dollarsOf(completionUsd)} for 1M tokens`);
  }
  return parts.join(" · ");
}
