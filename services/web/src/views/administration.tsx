import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent } from "react";

import {
  administration,
  ApiError,
  type Invitation,
  type Person,
  type SignUpRule,
} from "../server/api";
import { sessionQuery } from "../server/auth";
import { ago } from "../time";
import { Button, buttonClass } from "../ui/button";
import { Field } from "../ui/field";
import { Notice } from "../ui/notice";
import { Page } from "../ui/page";
import { Listed, ROW, Secret, Section } from "../ui/section";
import { Limits } from "./limits";
import { Models } from "./models";
import { Waiting } from "./shell";

const SIGN_UP = ["sign-up"];
const INVITATIONS = ["invitations"];
const USERS = ["users"];
const PAGE = 200;

/** Who may come in, and who is there. */
export function Administration() {
  const signUp = useQuery({ queryKey: SIGN_UP, queryFn: administration.signUp, retry: false });
  const refused = signUp.error instanceof ApiError && signUp.error.status === 403;
  return (
    <Page title="Administration">
      <div className="mx-auto w-full max-w-3xl flex-1 px-4 pt-6 pb-10 sm:px-6">
        <h1 className="mb-8 text-2xl font-semibold tracking-tight">Administration</h1>
        {refused ? (
          <div data-testid="no-administrator">
            <Notice
              actions={
                <Link to="/projects" className={buttonClass("outline", "small")}>
                  To your projects
                </Link>
              }
            >
              Only an administrator may see this page.
            </Notice>
          </div>
        ) : signUp.isPending ? (
          <Waiting />
        ) : (
          <>
            <SignUp />
            <Invitations />
            <Users />
            <Limits />
            <Models />
          </>
        )}
      </div>
    </Page>
  );
}

const RULES: Record<SignUpRule, string> = {
  open: "Anybody may make an account",
  invite: "An invitation is needed",
  closed: "Nobody may make an account",
};

function SignUp() {
  const queries = useQueryClient();
  const state = useQuery({ queryKey: SIGN_UP, queryFn: administration.signUp, retry: false });
  const choose = useMutation({
    mutationFn: administration.setSignUp,
    onSuccess: (chosen) => queries.setQueryData(SIGN_UP, chosen),
  });
  const fixed = state.data?.isFixed === true;
  return (
    <Section
      title="Sign-up"
      about={fixed ? "Chosen by SIGN_UP where Atelier was started." : "Who may make an account."}
      testId="sign-up-rule"
    >
      <fieldset disabled={state.data === undefined || fixed || choose.isPending} className="space-y-2">
        <legend className="sr-only">Who may make an account</legend>
        {(Object.keys(RULES) as SignUpRule[]).map((rule) => (
          <label key={rule} className="flex items-center gap-2.5">
            <input
              type="radio"
              name="rule"
              checked={state.data?.signUp === rule}
              onChange={() => choose.mutate(rule)}
              className="size-4 accent-accent"
            />
            {RULES[rule]}
          </label>
        ))}
      </fieldset>
      {choose.error !== null && <Notice>{choose.error.message}</Notice>}
    </Section>
  );
}

function Invitations() {
  const queries = useQueryClient();
  const invitations = useQuery({ queryKey: INVITATIONS, queryFn: administration.invitations });
  const refresh = () => queries.invalidateQueries({ queryKey: INVITATIONS });
  const invite = useMutation({ mutationFn: administration.invite, onSuccess: refresh });
  const withdraw = useMutation({ mutationFn: administration.withdraw, onSuccess: refresh });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const email = String(new FormData(form).get("email")).trim();
    invite.mutate(email === "" ? null : email, { onSuccess: () => form.reset() });
  };
  const problem = invite.error ?? withdraw.error;
  return (
    <Section title="Invitations" about="Each lets one person in." testId="invitations">
      {invite.data !== undefined && (
        <Secret
          noun="link"
          value={`${location.origin}/sign-up?invitation=${encodeURIComponent(invite.data.code)}`}
        />
      )}
      <form onSubmit={submit} className="mb-5 flex flex-wrap items-end gap-3">
        <Field label="E-mail (if it is for one address only)" name="email" type="email" maxLength={254} className="min-w-52 flex-1" />
        <Button type="submit" look="outline" busy={invite.isPending} className="h-11!" data-testid="invite">
          Invite
        </Button>
      </form>
      {problem !== null && <Notice>{problem.message}</Notice>}
      <Listed
        query={invitations}
        empty="No invitation waits to be used."
        renderItem={(invitation: Invitation) => (
          <li key={invitation.id} className={ROW} data-testid="invitation">
            <div className="min-w-0 flex-1 basis-48">
              <p className="truncate font-medium">{invitation.email ?? "For anybody"}</p>
              <p className="text-sm text-muted">
                ends {ago(invitation.expiresAt, invitations.dataUpdatedAt)}
              </p>
            </div>
            <Button size="small" look="outline" onClick={() => withdraw.mutate(invitation.id)}>
              Withdraw
            </Button>
          </li>
        )}
      />
    </Section>
  );
}

function Users() {
  const queries = useQueryClient();
  const me = useQuery(sessionQuery).data?.id;
  const users = useInfiniteQuery({
    queryKey: USERS,
    queryFn: ({ pageParam }) => administration.users(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page.length < PAGE ? undefined : page.at(-1)?.id),
  });
  const change = useMutation({
    mutationFn: ({ id, ...wanted }: { id: string; disabled?: boolean; isAdministrator?: boolean }) =>
      administration.changeUser(id, wanted),
    onSuccess: () => queries.invalidateQueries({ queryKey: USERS }),
  });
  const all = { data: users.data?.pages.flat(), error: users.error, refetch: users.refetch };
  return (
    <Section title="People" about="Everybody with an account." testId="users">
      {change.error !== null && <Notice>{change.error.message}</Notice>}
      <Listed
        query={all}
        empty="Nobody has an account."
        renderItem={(person: Person) => (
          <li key={person.id} className={ROW} data-testid="user" data-email={person.email}>
            <div className="min-w-0 flex-1 basis-48">
              <p className="truncate font-medium">
                {person.name}
                {person.isAdministrator && (
                  <span className="ml-2 text-sm font-normal text-accent">administrator</span>
                )}
                {person.disabled && (
                  <span className="ml-2 text-sm font-normal text-danger">disabled</span>
                )}
              </p>
              <p className="truncate text-sm text-muted">{person.email}</p>
            </div>
            {person.id !== me && (
              <div className="flex flex-wrap gap-2">
                <Button
                  size="small"
                  look="outline"
                  onClick={() =>
                    change.mutate({ id: person.id, isAdministrator: !person.isAdministrator })
                  }
                >
                  {person.isAdministrator ? "No administrator" : "Make administrator"}
                </Button>
                <Button
                  size="small"
                  look="outline"
                  onClick={() => change.mutate({ id: person.id, disabled: !person.disabled })}
                  data-testid="disable-user"
                >
                  {person.disabled ? "Enable" : "Disable"}
                </Button>
              </div>
            )}
          </li>
        )}
      />
      {users.hasNextPage && (
        <Button
          size="small"
          look="outline"
          className="mt-3"
          busy={users.isFetchingNextPage}
          onClick={() => void users.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </Section>
  );
}
