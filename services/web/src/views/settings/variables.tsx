import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { type Variable, variables } from "../../server/settings-api";
import { ago } from "../../time";
import { Button } from "../../ui/button";
import { Field } from "../../ui/field";
import { Notice } from "../../ui/notice";
import { Listed, ROW, Section } from "../../ui/section";

/** What the app finds in its environment. */
export function Variables({ projectId }: { projectId: string }) {
  const queries = useQueryClient();
  const queryKey = ["variables", projectId];
  const all = useQuery({ queryKey, queryFn: () => variables.all(projectId) });
  const onSuccess = () => queries.invalidateQueries({ queryKey });
  const put = useMutation({
    mutationFn: (one: Parameters<typeof variables.put>[1]) => variables.put(projectId, one),
    onSuccess,
  });
  const remove = useMutation({
    mutationFn: (name: string) => variables.remove(projectId, name),
    onSuccess,
  });
  const problem = put.error ?? remove.error;
  return (
    <Section
      title="Variables and secrets"
      about="What the app finds in its environment. The agent sees the names, never the values; a running app is started anew."
      testId="variables"
    >
      <NewVariable busy={put.isPending} onPut={(one, done) => put.mutate(one, { onSuccess: done })} />
      {problem !== null && (
        <div className="mb-4">
          <Notice>{problem.message}</Notice>
        </div>
      )}
      <Listed
        query={all}
        empty="The app finds nothing of yours in its environment yet."
        renderItem={(one: Variable) => (
          <li key={one.name} className={ROW} data-testid="variable" data-name={one.name}>
            <div className="min-w-0 flex-1 basis-56">
              <p className="truncate font-mono text-sm font-medium">{one.name}</p>
              <p className="truncate text-sm text-muted">
                {one.value === null ? "Secret" : <span className="font-mono">{one.value}</span>}
                {" · changed "}
                {ago(one.updatedAt, all.dataUpdatedAt)}
              </p>
            </div>
            <Button
              size="small"
              look="outline"
              onClick={() => remove.mutate(one.name)}
              aria-label={`Remove ${one.name}`}
            >
              Remove
            </Button>
          </li>
        )}
      />
    </Section>
  );
}

interface NewVariableProps {
  busy: boolean;
  onPut: (one: Parameters<typeof variables.put>[1], done: () => void) => void;
}

function NewVariable({ busy, onPut }: NewVariableProps) {
  const [secret, setSecret] = useState(true);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const one = { name: String(data.get("name")), value: String(data.get("value")), secret };
    onPut(one, () => form.reset());
  };
  return (
    <form onSubmit={submit} className="mb-5">
      <div className="flex flex-wrap items-end gap-3">
        <Field
          label="Name"
          name="name"
          required
          pattern="[A-Z_][A-Z0-9_]{0,99}"
          title="Capitals, digits and _, as in API_KEY"
          placeholder="API_KEY"
          autoComplete="off"
          spellCheck={false}
          className="min-w-36 flex-1"
        />
        <Field
          label="Value"
          name="value"
          type={secret ? "password" : "text"}
          required
          maxLength={4_000}
          autoComplete="off"
          spellCheck={false}
          className="min-w-36 flex-1"
        />
        <Button type="submit" look="outline" busy={busy} className="h-11!" data-testid="put-variable">
          Set
        </Button>
      </div>
      <label className="mt-3 flex items-center gap-2.5 text-sm">
        <input
          type="checkbox"
          checked={secret}
          onChange={(event) => setSecret(event.target.checked)}
          className="size-4 accent-accent"
        />
        Secret: nobody is shown the value again, and the log shows stars instead
      </label>
    </form>
  );
}
