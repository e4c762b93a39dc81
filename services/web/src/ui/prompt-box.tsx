import { ArrowRight } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useId, useState } from "react";

import { Button } from "./button";

interface PromptBoxProps {
  label: string;
  action: string;
  busy: boolean;
  initial?: string;
  examples?: readonly string[];
  onSubmit: (prompt: string) => void;
}

export const MAX_PROMPT = 20_000;

/** A sheet of paper for the description of an app. */
export function PromptBox({ label, action, busy, initial = "", examples, onSubmit }: PromptBoxProps) {
  const [prompt, setPrompt] = useState(initial);
  const id = useId();
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (prompt.trim() !== "" && !busy) onSubmit(prompt.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <div>
      <form
        onSubmit={submit}
        className="rounded-lg bg-surface text-ink shadow-[0_1px_0_rgb(0_0_0/0.06),0_12px_32px_-12px_rgb(0_0_0/0.45)] ring-1 ring-line focus-within:ring-2 focus-within:ring-chalk-fill"
      >
        <label htmlFor={id} className="sr-only">
          {label}
        </label>
        <textarea
          id={id}
          data-testid="prompt-box"
          value={prompt}
          onChange={(event) => setPrompt(event.target.value)}
          onKeyDown={onKeyDown}
          maxLength={MAX_PROMPT}
          rows={3}
          placeholder={label}
          className="block w-full resize-none rounded-t-lg bg-transparent px-5 pt-4 text-lg leading-snug outline-none placeholder:text-muted"
        />
        <div className="flex items-center justify-between gap-3 px-3 pb-3 pl-5">
          <span className="text-sm text-muted max-sm:invisible">Enter builds, Shift + Enter is a new line</span>
          <Button
            type="submit"
            busy={busy}
            disabled={prompt.trim() === ""}
            data-testid="prompt-submit"
            icon={<ArrowRight aria-hidden size={18} />}
            className="flex-row-reverse"
          >
            {action}
          </Button>
        </div>
      </form>
      {examples !== undefined && (
        <ul className="mt-4 flex flex-wrap gap-2" aria-label="Examples">
          {examples.map((example) => (
            <li key={example}>
              <button
                type="button"
                onClick={() => setPrompt(example)}
                className="rounded-full border border-current/35 px-3.5 py-1.5 text-left text-sm transition-colors hover:border-chalk-fill hover:text-chalk-fill"
              >
                {example}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
