import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";

import { account, administration, type ApiToken, type Scope, type Session } from "../server/api";
import { sessionQuery } from "../server/auth";
import { ago } from "../time";
import { Button, buttonClass } from "../ui/button";
import { Field, INPUT_CLASS } from "../ui/field";
import { Notice } from "../ui/notice";
import { Page } from "../ui/page";
import { Listed, ROW, Secret, Section } from "../ui/section";
import { Usage } from "./usage";

const SESSIONS = ["sessions"];
const TOKENS = ["tokens"];

/** Who is signed in, where, and which programs may act for them. */
export function Account() {
  const session = useQuery(sessionQuery);
  const user = session.data ?? null;
  // Whoever is refused is no administrator.
  const admin = useQuery({ queryKey: ["sign-up"], queryFn: administration.signUp, retry: false });
  return (
    <Page title="Account">
      <div className="mx-auto w-full max-w-3xl flex-1 px-4 pt-6 pb-10 sm:px-6">
        <div className="mb-8 flex flex-wrap items-center gap-4">
          <div className="min-w-0 flex-1">
            <h1 className="text-2xl font-semibold tracking-tight">Account</h1>
            <p className="mt-1 truncate text-muted">
              {user === null ? "" : `${user.name}, ${user.email}`}
            </p>
          </div>
          {admin.isSuccess && (
            <Link
              to="/administration"
              className={buttonClass("outline", "small")}
              data-testid="administration-link"
            >
              Administration
            </Link>
          )}
        </div>
        <Sessions />
        <Password email={user?.email ?? ""} />
        <Tokens />
        <Usage />
      </div>
    </Page>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({ queryKey: SESSIONS, queryFn: account.sessions });
  const current = useQuery({ queryKey: ["current-session"], queryFn: account.currentSession });
  const refresh = () => queries.invalidateQueries({ queryKey: SESSIONS });
  const revoke = useMutation({ mutationFn: account.revokeSession, onSuccess: refresh });
  const others = useMutation({ mutationFn: account.revokeOthers, onSuccess: refresh });
  const problem = revoke.error ?? others.error;
  return (
    <Section
      title="Sessions"
      about="Where you are signed in. Ending one closes its pages at once."
      testId="sessions"
      actions={
        (sessions.data?.length ?? 0) > 1 && (
          <Button
            size="small"
            look="outline"
            busy={others.isPending}
            onClick={() => others.mutate()}
            data-testid="revoke-others"
          >
            End all others
          </Button>
        )
      }
    >
      {problem !== null && <Notice>{problem.message}</Notice>}
      <Listed
        query={sessions}
        empty="You are signed in nowhere."
        renderItem={(session: Session) => {
          const own = session.token === current.data?.token;
          return (
            <li key={session.id} className={ROW} data-testid="session" data-own={own}>
              <div className="min-w-0 flex-1 basis-56">
                <p className="font-medium">
                  {browserOf(session.userAgent)}
                  {own && <span className="ml-2 text-sm font-normal text-accent">this one</span>}
                </p>
                <p className="text-sm text-muted">
                  {session.ipAddress} · signed in {ago(session.createdAt, sessions.dataUpdatedAt)}
                </p>
              </div>
              {!own && (
                <Button
                  size="small"
                  look="outline"
                  onClick={() => revoke.mutate(session.token)}
                  aria-label={`End the session of ${browserOf(session.userAgent)}`}
                >
                  End
                </Button>
              )}
            </li>
          );
        }}
      />
    </Section>
  );
}

/** What a browser calls itself, in two words. */
export function browserOf(userAgent: string): string {
  const name = /(Firefox|Edg|OPR|Chrome|Safari|curl|python-httpx)/.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS|Linux)/.exec(userAgent)?.[1];
  const known: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS": "macOS" };
  const parts = [name, system].flatMap((part) => (part === undefined ? [] : [known[part] ?? part]));
  return parts.length === 0 ? "A program" : parts.join(" on ");
}

function Password({ email }: { email: string }) {
  const [changed, setChanged] = useState(false);
  const change = useMutation({
    mutationFn: (data: FormData) =>
      account.changePassword(String(data.get("current")), String(data.get("new"))),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setChanged(false);
    change.mutate(new FormData(form), {
      onSuccess: () => {
        form.reset();
        setChanged(true);
      },
    });
  };
  return (
    <Section title="Password" about="All other sessions end when it changes." testId="password">
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        {/* For password managers: whose password it is. */}
        <input type="email" name="email" autoComplete="username" value={email} readOnly hidden />
        <Field label="Current password" name="current" type="password" autoComplete="current-password" required maxLength={128} />
        <Field label="New password" name="new" type="password" autoComplete="new-password" required minLength={8} maxLength={128} />
        <div className="flex flex-wrap items-center gap-3 sm:col-span-2">
          <Button type="submit" look="outline" size="small" busy={change.isPending} data-testid="change-password">
            Change password
          </Button>
          {changed && <p role="status" className="text-sm text-accent">Changed.</p>}
        </div>
        {change.error !== null && (
          <div className="sm:col-span-2">
            <Notice>{change.error.message}</Notice>
          </div>
        )}
      </form>
    </Section>
  );
}

const DAY_MS = 86_400_000;
const LIVES = { "30": "30 days", "90": "90 days", "365": "A year", never: "Until it is revoked" };

function Tokens() {
  const queries = useQueryClient();
  const tokens = useQuery({ queryKey: TOKENS, queryFn: account.tokens });
  const refresh = () => queries.invalidateQueries({ queryKey: TOKENS });
  const revoke = useMutation({ mutationFn: account.revokeToken, onSuccess: refresh });
  const create = useMutation({ mutationFn: account.createToken, onSuccess: refresh });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const days = Number(data.get("life"));
    const scopes: Scope[] =
      data.get("scope") === "write" ? ["projects:read", "projects:write"] : ["projects:read"];
    const expiresAt = Number.isNaN(days) ? null : new Date(Date.now() + days * DAY_MS).toISOString();
    create.mutate(
      { name: String(data.get("name")).trim(), scopes, expiresAt },
      { onSuccess: () => form.reset() },
    );
  };
  return (
    <Section
      title="API tokens"
      about="For programs: they act for you without your password. Send one as Authorization: Bearer."
      testId="tokens"
    >
      {create.data !== undefined && <Secret noun="token" value={create.data.token} />}
      <form onSubmit={submit} className="mb-5 flex flex-wrap items-end gap-3">
        <Field label="Name" name="name" required maxLength={100} placeholder="CI" className="min-w-36 flex-1 max-sm:basis-full" />
        <Choice label="May" name="scope" options={{ read: "Read projects", write: "Read and change projects" }} />
        <Choice label="Lives" name="life" options={LIVES} />
        <Button type="submit" look="outline" busy={create.isPending} className="h-11!" data-testid="create-token">
          Make token
        </Button>
      </form>
      {create.error !== null && <Notice>{create.error.message}</Notice>}
      {revoke.error !== null && <Notice>{revoke.error.message}</Notice>}
      <Listed
        query={tokens}
        empty="No program has one yet."
        renderItem={(token: ApiToken) => (
          <li key={token.id} className={ROW} data-testid="token">
            <div className="min-w-0 flex-1 basis-56">
              <p className="truncate font-medium">{token.name}</p>
              <p className="text-sm text-muted">
                {token.scopes.includes("projects:write") ? "Reads and changes" : "Reads"} ·{" "}
                {token.lastUsedAt === null
                  ? "never used"
                  : `used ${ago(token.lastUsedAt, tokens.dataUpdatedAt)}`}
                {token.expiresAt !== null && ` · ends ${ago(token.expiresAt, tokens.dataUpdatedAt)}`}
              </p>
            </div>
            <Button size="small" look="outline" onClick={() => revoke.mutate(token.id)} aria-label={`Revoke ${token.name}`}>
              Revoke
            </Button>
          </li>
        )}
      />
    </Section>
  );
}

interface ChoiceProps {
  label: string;
  name: string;
  options: Record<string, string>;
}

function Choice({ label, name, options }: ChoiceProps) {
  return (
    <label className="block text-sm font-medium max-sm:flex-1 max-sm:basis-full">
      <span className="mb-1.5 block">{label}</span>
      <select name={name} className={`${INPUT_CLASS} h-11 text-base font-normal`}>
        {Object.entries(options).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
