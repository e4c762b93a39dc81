import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";

import { keepPrompt, keptPrompt } from "../pending";
import { sessionQuery } from "../server/auth";
import { Page } from "../ui/page";
import { PromptBox } from "../ui/prompt-box";

const EXAMPLES = [
  "A kanban board for a small team",
  "A focus timer with a daily tally",
  "An expense tracker with charts",
];

const STEPS = [
  {
    title: "Describe it",
    text: "A sentence is enough. Say what the app is for and who will use it.",
  },
  {
    title: "Watch it being written",
    text: "Phases, files and characters appear as they come. Stop at any time; what is finished is kept.",
  },
  {
    title: "Use it, change it",
    text: "The app runs beside the conversation. Say what should be different and see it change.",
  },
];

export function Landing() {
  const session = useQuery(sessionQuery);
  const navigate = useNavigate();
  const begin = (prompt: string) => {
    keepPrompt(prompt);
    const signedIn = session.data != null;
    void (signedIn
      ? navigate({ to: "/new" })
      : navigate({ to: "/sign-up", search: { next: "/new" } }));
  };
  return (
    <Page title="">
      <div className="mx-auto flex w-full max-w-6xl flex-1 flex-col px-4 pb-10 sm:px-6">
        <section className="mat relative overflow-hidden rounded-2xl px-5 pt-14 pb-10 sm:px-12 sm:pt-20 sm:pb-16">
          <div aria-hidden className="ruler absolute inset-x-0 top-0 h-4" />
          <div className="mx-auto max-w-3xl">
            <h1 className="text-[2rem] leading-[1.05] font-semibold tracking-[-0.025em] sm:text-6xl">
              Describe an app.
              <br />
              Watch it take shape.
            </h1>
            <p className="mt-5 mb-8 max-w-xl text-lg text-on-mat-muted">
              Atelier designs it, writes every file in front of you and runs it live, on your own
              machine. Close the tab whenever you like: the work goes on and nothing is lost.
            </p>
            <PromptBox
              label="What should the app do?"
              action="Build it"
              busy={false}
              initial={keptPrompt()}
              examples={EXAMPLES}
              onSubmit={begin}
            />
          </div>
        </section>
        <ol className="mt-10 grid gap-8 sm:grid-cols-3 sm:gap-10" aria-label="How it works">
          {STEPS.map((step, index) => (
            <li key={step.title} className="border-t-2 border-accent pt-4">
              <h2 className="flex items-baseline gap-2.5 text-lg font-semibold">
                <span aria-hidden className="font-medium text-accent tabular-nums">
                  {index + 1}
                </span>
                {step.title}
              </h2>
              <p className="mt-1 text-muted">{step.text}</p>
            </li>
          ))}
        </ol>
      </div>
    </Page>
  );
}
