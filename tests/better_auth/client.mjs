// Drives the Better Auth client, unchanged, against the server in BASE_URL and prints what
// it answers, a JSON object for each step. A browser keeps cookies and names the page's
// origin; here the fetch function that the client takes does both.

import { createAuthClient } from "better-auth/client";

const baseURL = process.env.BASE_URL;
const origin = process.env.PAGE_ORIGIN;
const account = JSON.parse(process.env.ACCOUNT);
const cookies = new Map();

async function browserFetch(input, init) {
  const request = new Request(input, init);
  request.headers.set("origin", origin);
  request.headers.set("sec-fetch-site", "same-origin");
  if (cookies.size > 0) {
    const pairs = [...cookies].map(([name, value]) => `${name}=${value}`);
    request.headers.set("cookie", pairs.join("; "));
  }
  const response = await fetch(request);
  for (const line of response.headers.getSetCookie()) keep(line);
  return response;
}

function keep(line) {
  const [pair, ...attributes] = line.split(";").map((part) => part.trim());
  const at = pair.indexOf("=");
  const gone = attributes.some((one) => one.toLowerCase() === "max-age=0");
  if (gone) cookies.delete(pair.slice(0, at));
  else cookies.set(pair.slice(0, at), pair.slice(at + 1));
}

const client = createAuthClient({ baseURL, fetchOptions: { customFetchImpl: browserFetch } });

async function step(name, call) {
  const { data, error } = await call;
  console.log(JSON.stringify({ step: name, data, error, cookies: [...cookies.keys()] }));
}

const { name, email, password } = account;
await step("signed out at first", client.getSession());
await step("sign up", client.signUp.email({ name, email, password }));
await step("session after sign-up", client.getSession());
await step("sign out", client.signOut());
await step("session after sign-out", client.getSession());
await step("sign up again", client.signUp.email({ name, email, password }));
await step("wrong password", client.signIn.email({ email, password: `not ${password}` }));
await step("sign in", client.signIn.email({ email, password }));
await step("session after sign-in", client.getSession());
await step("sessions", client.listSessions());
await step("end of the others", client.revokeOtherSessions());
const { data: sessions } = await client.listSessions();
const isDated = sessions.every((one) => one.expiresAt instanceof Date);
await step("sessions left", { data: { count: sessions.length, isDated }, error: null });
const change = { currentPassword: password, newPassword: `${password}!`, revokeOtherSessions: true };
await step("change of password", client.changePassword(change));
await step("wrong change", client.changePassword({ ...change, newPassword: `${password}?` }));
await step("session after the change", client.getSession());
await step("sign in elsewhere", client.signIn.social({ provider: "oidc" }));
const { data } = await client.getSession();
const isDate = data.session.expiresAt instanceof Date && data.user.createdAt instanceof Date;
await step("dates", { data: { areDates: isDate }, error: null });
const { token } = data.session;
await step("end of this session", client.revokeSession({ token }));
await step("session after its end", client.getSession());
