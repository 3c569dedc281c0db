// Clients that came from Ory Hydra go on here: with the secret that one already has, and with the scheme of its own that another has. The list
// is the recorded one of the server's tests.

import { assert, refused, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { readFileSync } from "node:fs";
import * as oidc from "openid-client";

const insecure = { execute: [oidc.allowInsecureRequests] };
const recorded = JSON.parse(readFileSync(new URL("./hydra.json", import.meta.url), "utf8")).items;

/** The identifier of a client by the name that it had in Hydra. */
const idOf = (name) => recorded.find((client) => client.client_name === name).client_id;

/** What a path answers to a client that asks for a token of its own. */
function asService(path, name, secret) {
  const basic = Buffer.from(`${idOf(name)}:${secret}`).toString("base64");
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  return fetch(`${server.issuer}${path}`, { method: "POST", body, headers: { authorization: `Basic ${basic}` } });
}

async function discover(name, secret) {
  const client_id = idOf(name);
  const how = secret ? oidc.ClientSecretBasic(secret) : oidc.None();
  return oidc.discovery(new URL(server.issuer), client_id, { id_token_signed_response_alg: "RS256" }, how, insecure);
}

async function signIn(config, redirect_uri, scope) {
  const [verifier, state] = [oidc.randomPKCECodeVerifier(), oidc.randomState()];
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri,
    scope,
    state,
    prompt: "consent",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  const answer = await new Browser(server.user).walk(start, redirect_uri);
  return oidc.authorizationCodeGrant(config, answer, { expectedState: state, pkceCodeVerifier: verifier });
}

await run({
  "with a secret": async (step) => {
    const shop = await discover("My shop", process.env.SHOP_SECRET);
    const metadata = shop.serverMetadata();
    assert.ok(metadata.token_endpoint.endsWith("/token"));
    const tokens = await signIn(shop, "http://localhost:25999/callback", "openid offline_access email");
    await oidc.fetchUserInfo(shop, tokens.access_token, tokens.claims().sub);
    step("signed in");
    const again = await oidc.refreshTokenGrant(shop, tokens.refresh_token);
    step("refreshed");
    await oidc.tokenRevocation(shop, again.refresh_token ?? tokens.refresh_token);
    await refused(oidc.refreshTokenGrant(shop, tokens.refresh_token), "invalid_grant");
    step("revoked");
    const wrong = await asService("/token", "My shop", `${process.env.SHOP_SECRET}x`);
    assert.equal(wrong.status, 401);
    assert.equal((await wrong.json()).error, "invalid_client");
    step("another secret is refused");
  },
  "at the paths of before": async (step) => {
    const answer = await asService("/oauth2/token", "Batch", process.env.BATCH_SECRET);
    assert.equal(answer.status, 200, await answer.text());
    step("a service got its token");
  },
  "on a telephone": async (step) => {
    const phone = await discover("Phone");
    const tokens = await signIn(phone, "com.example.phone:/oauth2redirect", "openid offline_access");
    await oidc.refreshTokenGrant(phone, tokens.refresh_token);
    step("signed in and refreshed");
  },
});
process.exit(0);
