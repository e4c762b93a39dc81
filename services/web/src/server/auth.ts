/** Accounts: the Better Auth client, and its refusals as sentences. */

import { queryOptions } from "@tanstack/react-query";
import { createAuthClient } from "better-auth/client";

const client = createAuthClient({ baseURL: location.origin });

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** The signed-in user, or null. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: 60_000,
  queryFn: async (): Promise<User | null> => {
    const { data, error } = await client.getSession();
    if (error) throw new Error(refusal(error));
    return data?.user ?? null;
  },
});

/** The sentence to show, or null where it worked. */
export async function signUp(
  name: string,
  email: string,
  password: string,
  invitation: string,
): Promise<string | null> {
  const person = { name, email, password };
  // The client sends on what its types do not know.
  if (invitation !== "") Object.assign(person, { invitation });
  return outcome(client.signUp.email(person));
}

/** Goes to the other server on which people can sign in; comes back to *next*. */
export async function signInElsewhere(next: string): Promise<string | null> {
  return outcome(
    client.signIn.social({ provider: "oidc", callbackURL: next, errorCallbackURL: "/sign-in" }),
  );
}

export async function signIn(email: string, password: string): Promise<string | null> {
  return outcome(client.signIn.email({ email, password }));
}

export async function signOut(): Promise<string | null> {
  return outcome(client.signOut());
}

interface AuthError {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly status: number;
}

async function outcome(call: Promise<{ error: AuthError | null }>): Promise<string | null> {
  try {
    const { error } = await call;
    return error === null ? null : refusal(error);
  } catch {
    return UNREACHABLE;
  }
}

const UNREACHABLE = "Atelier does not answer. Check that it is running, then try again.";

const SENTENCES: ReadonlyMap<string, string> = new Map([
  ["USER_ALREADY_EXISTS", "This e-mail address already has an account. Sign in instead."],
  [
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
    "This e-mail address already has an account. Sign in instead.",
  ],
  ["INVALID_EMAIL_OR_PASSWORD", "E-mail address and password do not match. Check both."],
  ["INVALID_EMAIL", "Enter a complete e-mail address, such as ada@example.org."],
  ["PASSWORD_TOO_SHORT", "Use a password of at least 8 characters."],
  ["SIGN_UP_CLOSED", "New accounts cannot be made here. Ask whoever runs this Atelier."],
  ["INVITATION_REQUIRED", "An invitation is needed to make an account. Enter its code."],
  ["BANNED_USER", "This account is disabled. Ask whoever runs this Atelier."],
  ["PASSWORD_TOO_LONG", "Use a password of at most 128 characters."],
]);

export function refusal(error: AuthError): string {
  const known = SENTENCES.get(error.code ?? "");
  if (known !== undefined) return known;
  if (error.status === 429) return "Too many tries. Wait a minute, then try again.";
  if (error.status === 0 || error.status >= 500) return UNREACHABLE;
  return error.message ?? "This did not work. Try again.";
}
