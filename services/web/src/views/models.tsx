import { useQuery } from "@tanstack/react-query";

import { count } from "../project/state";
import { type Model, models } from "../server/settings-api";
import { Listed, ROW, Section } from "../ui/section";
import { describe } from "./settings/model-choice";

/** Which models there are, and who answers where a project names none. */
export function Models() {
  const list = useQuery({ queryKey: ["models"], queryFn: models, retry: false });
  const does = ({ id }: Model) => [
    ...(list.data?.designModels.includes(id) === true ? ["plans"] : []),
    ...(list.data?.writeModels.includes(id) === true ? ["writes"] : []),
  ];
  const configured = (list.data?.models ?? []).filter((model) => does(model).length > 0);
  const named = new Set([...(list.data?.designModels ?? []), ...(list.data?.writeModels ?? [])]);
  return (
    <Section
      title="Models"
      about="Who works where a project's settings name nobody; chosen by OPENROUTER_MODEL and OPENROUTER_DESIGN_MODEL where Atelier is started."
      testId="models"
    >
      <Listed
        query={{ ...list, data: list.data === undefined ? undefined : configured }}
        empty={`The provider does not list ${[...named].join(", ") || "any"}.`}
        renderItem={(model: Model) => (
          <li key={model.id} className={ROW} data-testid="model">
            <div className="min-w-0 flex-1 basis-56">
              <p className="truncate font-medium">{describe(model)}</p>
              <p className="truncate font-mono text-sm text-muted">{model.id}</p>
            </div>
            <p className="text-sm text-accent">{does(model).join(" and ")}</p>
          </li>
        )}
      />
      {list.data !== undefined && (
        <p className="mt-3 text-sm text-muted">
          {count(list.data.models.length, "model")} can be chosen in the settings of a project.
        </p>
      )}
    </Section>
  );
}
