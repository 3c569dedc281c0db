// openid-client in its own words: discovery, sign-in, verification, refresh, UserInfo, introspection, revocation and
// sign-out, once for each way a client can be known to the server.

import { CALLBACK, SCOPE, SIGNED_OUT, assert, clients, refused, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import * as oidc from "openid-client";
import * as jose from "jose";

const issuer = new URL(server.issuer);
const options = { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] };

// The library's own default would post the secret, and the demo's clients are registered for Basic.
const discover = (client, authentication = oidc.ClientSecretBasic(client.client_secret)) =>
  oidc.discovery(issuer, client.client_id, client.client_secret, authentication, options);

const register = (metadata, authentication) =>
  oidc.dynamicClientRegistration(issuer, {
    client_name: "openid-client",
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: [SIGNED_OUT],
    grant_types: ["authorization_code", "refresh_token"],
    scope: SCOPE,
    ...metadata,
  }, authentication, options);

const isPublic = (config) => config.clientMetadata().client_id === clients.public.client_id;

async function flow(config, redirect_uri, step) {
  const metadata = config.serverMetadata();
  assert.equal(metadata.issuer, server.issuer);
  assert.equal(metadata.supportsPKCE(), true);
  step("discovered");

  const browser = new Browser(server.user);
  const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
  const parameters = {
    redirect_uri,
    scope: SCOPE,
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    prompt: "consent",
    max_age: "600",
  };
  const answer = await browser.walk(oidc.buildAuthorizationUrl(config, parameters), redirect_uri);
  step("signed in");

  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 600, idTokenExpected: true };
  const tokens = await oidc.authorizationCodeGrant(config, answer, checks);
  const { sub } = tokens.claims();
  assert.equal(typeof sub, "string");
  step("verified the ID token");

  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, sub);
  assert.equal(userinfo.preferred_username, server.user.username);
  assert.equal(typeof userinfo.email, "string");
  step("read UserInfo");

  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(refreshed.access_token, tokens.access_token);
  const next = refreshed.refresh_token ?? tokens.refresh_token;
  // Those of a public client are replaced; those of a confidential one are bound to its secret or key.
  assert.equal(next !== tokens.refresh_token, isPublic(config));
  if (refreshed.id_token) assert.equal(refreshed.claims().sub, sub);
  await oidc.fetchUserInfo(config, refreshed.access_token, sub);
  step("refreshed");

  const resourceServer = await discover(clients.resourceServer);
  const live = await oidc.tokenIntrospection(resourceServer, refreshed.access_token);
  assert.equal(live.active, true);
  assert.equal(live.sub, sub);
  assert.equal(live.client_id, config.clientMetadata().client_id);
  step("introspected");

  await oidc.tokenRevocation(config, next);
  await refused(oidc.refreshTokenGrant(config, next), "invalid_grant");
  const dead = await oidc.tokenIntrospection(resourceServer, refreshed.access_token);
  assert.equal(dead.active, false);
  await assert.rejects(oidc.fetchUserInfo(config, refreshed.access_token, sub));
  step("revoked");

  // Whether anybody is signed in: `prompt=none` answers with a code or with `login_required`.
  const silent = async () => {
    const silentState = oidc.randomState();
    const url = oidc.buildAuthorizationUrl(config, { ...parameters, scope: "openid", state: silentState, prompt: "none" });
    const returned = await browser.walk(url, redirect_uri);
    return oidc.authorizationCodeGrant(config, returned, { ...checks, expectedState: silentState });
  };
  const again = await silent();
  assert.equal(again.claims().sub, sub);
  step("signed in silently");
  await signOut(config, browser, again.id_token);
  await refused(silent(), "login_required");
  step("signed out");
}

async function signOut(config, browser, id_token_hint) {
  const registered = config.clientMetadata().post_logout_redirect_uris?.[0];
  if (registered) {
    const url = oidc.buildEndSessionUrl(config, { id_token_hint, post_logout_redirect_uri: registered, state: "bye" });
    const end = await browser.walk(url, registered);
    assert.equal(end.searchParams.get("state"), "bye");
  } else {
    await browser.walkToPage(oidc.buildEndSessionUrl(config, { id_token_hint }), "signed-out");
  }
}

await run({
  "a confidential client of the demo": async (step) =>
    flow(await discover(clients.confidential), clients.confidential.redirect_uris[0], step),

  "a public client of the demo": async (step) =>
    flow(await discover(clients.public, oidc.None()), clients.public.redirect_uris[0], step),

  "a client that registered itself": async (step) =>
    flow(await register({ token_endpoint_auth_method: "client_secret_basic" }, oidc.ClientSecretBasic()), CALLBACK, step),

  "a client that posts its secret": async (step) =>
    flow(await register({ token_endpoint_auth_method: "client_secret_post" }, oidc.ClientSecretPost()), CALLBACK, step),

  "a client that signs with its secret": async (step) =>
    flow(await register({ token_endpoint_auth_method: "client_secret_jwt" }, oidc.ClientSecretJwt()), CALLBACK, step),

  "a client with a key pair and ES256 ID tokens": async (step) => {
    const { privateKey, publicKey } = await jose.generateKeyPair("ES256", { extractable: true });
    const kid = "interop";
    const jwk = { ...(await jose.exportJWK(publicKey)), kid, alg: "ES256", use: "sig" };
    const config = await register({
      token_endpoint_auth_method: "private_key_jwt",
      id_token_signed_response_alg: "ES256",
      jwks: { keys: [jwk] },
    }, oidc.PrivateKeyJwt({ key: privateKey, kid }));
    await flow(config, CALLBACK, step);
  },

  "a token for the client itself": async (step) => {
    const config = await discover(clients.confidential);
    const tokens = await oidc.clientCredentialsGrant(config);
    const live = await oidc.tokenIntrospection(await discover(clients.resourceServer), tokens.access_token);
    assert.equal(live.active, true);
    assert.equal(live.client_id, clients.confidential.client_id);
    step("got and introspected one");
  },
});
