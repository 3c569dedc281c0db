// The guide for those who come from node-oidc-provider, followed: the program that it begins with, the configuration that it
// ends with, and one client that signs in to both. What stands in the guide is what runs here.

import { assert, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { readFileSync } from "node:fs";
import * as oidc from "openid-client";
import { Provider } from "oidc-provider";

const SECRETS = { web: "web-secret-of-some-length-0123456789", batch: "batch-secret-of-some-length-0123456" };
const CALLBACK = "https://shop.example.com/callback";
const insecure = { execute: [oidc.allowInsecureRequests] };

/** The program of the guide, on a port of its own. */
async function before() {
  const guide = readFileSync(new URL("./from-node-oidc-provider.md", import.meta.url), "utf8");
  let program = guide.split("```js\n")[1].split("```")[0].replace("https://login.example.com", "${ISSUER}");
  for (const secret of Object.values(SECRETS)) program = program.replace('client_secret: "..."', `client_secret: "${secret}"`);
  program = program.replace('"${ISSUER}"', "issuer");
  const accounts = { alice: { email: "alice@example.com", email_verified: true, name: "Alice Example", tier: "gold" } };
  const { createServer } = await import("node:http");
  let answer;
  const listening = createServer((request, response) => answer(request, response));
  await new Promise((ready) => listening.listen(0, ready));
  const issuer = `http://localhost:${listening.address().port}`;
  const provider = new Function("Provider", "accounts", "issuer", `${program}\nreturn provider;`)(Provider, accounts, issuer);
  answer = provider.callback();
  return issuer;
}

/** Signs in at the development pages of node-oidc-provider. */
async function signInThere(start) {
  const cookies = new Map();
  let [url, init] = [start, {}];
  for (let pages = 0; pages < 15; pages += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { ...init, redirect: "manual", headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location) {
      [url, init] = [new URL(location, url), {}];
      if (url.href.startsWith(CALLBACK)) return url;
      continue;
    }
    const page = await response.text();
    const prompt = page.match(/name="prompt" value="([^"]+)"/)[1];
    const body = new URLSearchParams({ prompt, ...(prompt === "login" && { login: "alice", password: "any" }) });
    [url, init] = [new URL(page.match(/action="([^"]+)"/)[1], url), { method: "POST", body }];
  }
  throw new Error("the pages do not end");
}

const discover = (issuer, client) =>
  oidc.discovery(new URL(issuer), client, { id_token_signed_response_alg: "RS256" }, oidc.ClientSecretBasic(SECRETS[client]), insecure);

/** What the clients of the guide do, at any issuer. */
async function useIt(issuer, signIn, step) {
  const web = await discover(issuer, "web");
  const [verifier, state] = [oidc.randomPKCECodeVerifier(), oidc.randomState()];
  const answer = await signIn(oidc.buildAuthorizationUrl(web, {
    redirect_uri: CALLBACK,
    scope: "openid profile email loyalty offline_access",
    prompt: "consent",
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }));
  const tokens = await oidc.authorizationCodeGrant(web, answer, { expectedState: state, pkceCodeVerifier: verifier });
  // Who she was, she stays.
  assert.equal(tokens.claims().sub, "alice");
  const person = await oidc.fetchUserInfo(web, tokens.access_token, "alice");
  assert.equal(person.name, "Alice Example");
  assert.equal(person.email, "alice@example.com");
  assert.equal(person.email_verified, true);
  assert.equal(person.tier, "gold");
  step("signed in with a claim of the operator's");
  const again = await oidc.refreshTokenGrant(web, tokens.refresh_token);
  await oidc.fetchUserInfo(web, again.access_token, person.sub);
  step("refreshed");

  const batch = await discover(issuer, "batch");
  const own = await oidc.clientCredentialsGrant(batch, { scope: "orders:read", resource: "https://api.example.com" });
  const [header, claims] = own.access_token.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
  assert.equal(header.typ, "at+jwt");
  assert.equal(header.alg, "RS256");
  assert.equal(claims.aud, "https://api.example.com");
  assert.equal(claims.client_id, "batch");
  assert.equal(claims.scope, "orders:read");
  assert.equal(claims.exp - claims.iat, 300);
  step("got a token for the API");
  return claims.sub;
}

await run({
  before: async (step) => {
    assert.equal(await useIt(await before(), signInThere, step), "batch");
  },
  after: async (step) => {
    const browser = new Browser({ username: "alice", password: process.env.PASSWORD });
    assert.equal(await useIt(server.issuer, (start) => browser.walk(start, CALLBACK), step), "client:batch");
  },
});
process.exit(0);
