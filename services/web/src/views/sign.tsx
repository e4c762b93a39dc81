import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useState } from "react";

import { keptPrompt, safeNext } from "../pending";
import { sessionQuery, signIn, signInElsewhere, signUp } from "../server/auth";
import { configQuery } from "../server/config";
import { Button } from "../ui/button";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import { Page } from "../ui/page";

export function SignUp() {
  const { next, invitation } = useSearch({ from: "/sign-up" });
  const form = useSignForm(next, (data) =>
    signUp(
      text(data, "name"),
      text(data, "email"),
      text(data, "password"),
      text(data, "invitation").trim(),
    ),
  );
  const invited = invitation !== undefined || form.problem?.includes("invitation") === true;
  return (
    <SignPage title="Make an account" next={next}>
      <form onSubmit={form.submit} className="space-y-5">
        <Field label="Name" name="name" autoComplete="name" required maxLength={100} />
        <EmailField />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          maxLength={128}
          hint="At least 8 characters."
        />
        {invited && (
          <Field label="Invitation" name="invitation" defaultValue={invitation} autoComplete="off" />
        )}
        {form.problem !== null && <Notice testId="sign-problem">{form.problem}</Notice>}
        <Button type="submit" busy={form.busy} className="w-full" data-testid="sign-up-submit">
          Sign up
        </Button>
      </form>
      <Elsewhere next={next} />
      <p className="mt-6 text-center text-sm text-muted">
        Have an account?{" "}
        <Link to="/sign-in" search={keep(next)} className={LINK}>
          Sign in
        </Link>
      </p>
    </SignPage>
  );
}

export function SignIn() {
  const { next } = useSearch({ from: "/sign-in" });
  const form = useSignForm(next, (data) => signIn(text(data, "email"), text(data, "password")));
  return (
    <SignPage title="Sign in" next={next}>
      <form onSubmit={form.submit} className="space-y-5">
        <EmailField />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={128}
        />
        {form.problem !== null && <Notice testId="sign-problem">{form.problem}</Notice>}
        <Button type="submit" busy={form.busy} className="w-full" data-testid="sign-in-submit">
          Sign in
        </Button>
      </form>
      <Elsewhere next={next} />
      <p className="mt-6 text-center text-sm text-muted">
        No account yet?{" "}
        <Link to="/sign-up" search={keep(next)} className={LINK}>
          Sign up
        </Link>
      </p>
    </SignPage>
  );
}

/** The way over another server, where one is configured. */
function Elsewhere({ next }: { next: string | undefined }) {
  const config = useQuery(configQuery);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const name = config.data?.signInElsewhere ?? null;
  if (name === null) return null;
  const go = async () => {
    setBusy(true);
    setProblem(await signInElsewhere(safeNext(next)));
    setBusy(false);
  };
  return (
    <div className="mt-4 space-y-4">
      <p className="flex items-center gap-3 text-sm text-muted before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
        or
      </p>
      <Button look="outline" busy={busy} onClick={() => void go()} className="w-full" data-testid="sign-in-elsewhere">
        Continue with {name}
      </Button>
      {problem !== null && <Notice>{problem}</Notice>}
    </div>
  );
}

const LINK = "font-medium text-accent underline underline-offset-4 hover:text-accent-strong";

function EmailField() {
  return <Field label="E-mail" name="email" type="email" autoComplete="email" required maxLength={254} />;
}

function SignPage({
  title,
  next,
  children,
}: {
  title: string;
  next: string | undefined;
  children: ReactNode;
}) {
  const prompt = next === "/new" ? keptPrompt() : "";
  return (
    <Page title={title}>
      <div className="mx-auto w-full max-w-sm flex-1 px-4 py-10 sm:py-16">
        <h1 className="mb-6 text-2xl font-semibold tracking-tight">{title}</h1>
        {prompt !== "" && (
          <figure className="mat mb-6 rounded-lg p-4">
            <figcaption className="text-sm text-on-mat-muted">To be built next</figcaption>
            <blockquote className="mt-1 line-clamp-3 font-medium break-words">{prompt}</blockquote>
          </figure>
        )}
        {children}
      </div>
    </Page>
  );
}

function useSignForm(next: string | undefined, send: (data: FormData) => Promise<string | null>) {
  const queries = useQueryClient();
  const router = useRouter();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (data: FormData) => {
    setBusy(true);
    setProblem(null);
    const refused = await send(data);
    if (refused === null) {
      queries.clear();
      await queries.query(sessionQuery);
      await router.navigate({ href: safeNext(next) });
    }
    setProblem(refused);
    setBusy(false);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void run(new FormData(event.currentTarget)).catch((error: unknown) => {
      setProblem(error instanceof Error ? error.message : "This did not work. Try again.");
      setBusy(false);
    });
  };
  return { problem, busy, submit };
}

function text(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}

function keep(next: string | undefined): { next?: string } {
  return next === undefined ? {} : { next };
}
