// What came from Keycloak goes on here: people with the passwords that Keycloak hashed, clients with the secret, the key and the
// addresses that they had there. The realm is the recorded one of the server's tests.

import { assert, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { readFileSync } from "node:fs";
import * as oidc from "openid-client";

const PASSWORD = "correct horse battery";
const CALLBACK = "http://localhost:25999/callback";
const SECRET = "web-secret-that-the-shop-already-has";
const insecure = { execute: [oidc.allowInsecureRequests] };

const realm = JSON.parse(readFileSync(new URL("./keycloak.json", import.meta.url), "utf8"));
const recorded = (name) => realm.users.find((user) => user.username === name);

/** Signs somebody in at a client. */
async function signIn(config, username, scope, start, more = {}) {
  const [verifier, state] = [oidc.randomPKCECodeVerifier(), oidc.randomState()];
  const parameters = {
    redirect_uri: CALLBACK,
    scope,
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  };
  const browser = new Browser({ username, password: PASSWORD });
  const answer = await browser.walk(await start(config, parameters), CALLBACK);
  const checks = { expectedState: state, pkceCodeVerifier: verifier };
  const tokens = await oidc.authorizationCodeGrant(config, answer, checks, undefined, more);
  return { browser, tokens };
}

await run({
  "with a secret": async (step) => {
    const metadata = { id_token_signed_response_alg: "RS256" };
    const web = await oidc.discovery(new URL(server.issuer), "web", { ...metadata, client_secret: SECRET }, oidc.ClientSecretBasic(SECRET), insecure);
    assert.equal(new URL(web.serverMetadata().token_endpoint).pathname, "/realms/acme/protocol/openid-connect/token");
    const scope = "openid profile email roles offline_access";
    const start = async (config, parameters) => oidc.buildAuthorizationUrl(config, parameters);
    for (const name of ["arna", "pia", "paul"]) {
      const { browser, tokens } = await signIn(web, name, scope, start);
      // Nobody is somebody else than before.
      assert.equal(tokens.claims().sub, recorded(name).id);
      const person = await oidc.fetchUserInfo(web, tokens.access_token, recorded(name).id);
      assert.equal(person.preferred_username, name);
      assert.equal(person.email, recorded(name).email);
      assert.equal(person.email_verified, true);
      if (name === "pia") assert.deepEqual(person.roles, ["editor", "publisher"]);
      if (name === "arna") assert.deepEqual(person.groups, ["/staff/night"]);
      step(`${name} signed in with the old password`);
      const again = await oidc.refreshTokenGrant(web, tokens.refresh_token);
      await oidc.fetchUserInfo(web, again.access_token, recorded(name).id);
      const out = oidc.buildEndSessionUrl(web, { id_token_hint: tokens.id_token, post_logout_redirect_uri: CALLBACK });
      await browser.walk(out, CALLBACK);
      step(`${name} signed out`);
    }
  },
  "with a key, pushed requests and bound tokens": async (step) => {
    const jwk = JSON.parse(readFileSync(new URL("./keyed.jwk.json", import.meta.url), "utf8"));
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
    const metadata = { id_token_signed_response_alg: "ES256" };
    const keyed = await oidc.discovery(new URL(server.issuer), "keyed", metadata, oidc.PrivateKeyJwt({ key, kid: jwk.kid }), insecure);
    // What it demanded there is demanded here.
    const plain = new URL(oidc.buildAuthorizationUrl(keyed, { redirect_uri: CALLBACK, scope: "openid" }));
    const refused = await fetch(plain, { redirect: "manual" });
    assert.equal(new URL(refused.headers.get("location") ?? plain).searchParams.get("code"), null);
    const bound = { DPoP: oidc.getDPoPHandle(keyed, await oidc.randomDPoPKeyPair()) };
    const start = (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, parameters, bound);
    const { tokens } = await signIn(keyed, "arna", "openid email", start, bound);
    assert.equal(tokens.token_type, "dpop");
    await oidc.fetchUserInfo(keyed, tokens.access_token, recorded("arna").id, bound);
    step("signed in with a pushed request, an assertion and a proof");
  },
});
process.exit(0);
