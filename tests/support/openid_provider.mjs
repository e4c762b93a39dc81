// A certified OpenID Connect server, whose pages let in anybody by any name.
import { Provider } from "oidc-provider";

const { ISSUER, PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;

const provider = new Provider(ISSUER, {
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
    },
  ],
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.org`,
      email_verified: true,
      name: "Grace",
    }),
  }),
  pkce: { required: () => true },
});
provider.listen(Number(PORT), "127.0.0.1");
