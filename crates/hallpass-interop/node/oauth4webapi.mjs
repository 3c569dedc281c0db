// oauth4webapi, one request and one checked answer at a time: discovery, sign-in, verification, refresh, UserInfo,
// introspection, revocation and sign-out.

import { CALLBACK, SCOPE, SIGNED_OUT, assert, clients, refused, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import * as oauth from "oauth4webapi";

const issuer = new URL(server.issuer);
const insecure = { [oauth.allowInsecureRequests]: true };

async function discover(algorithm) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  const as = await oauth.processDiscoveryResponse(issuer, response);
  assert.equal(as.authorization_response_iss_parameter_supported, true);
  assert.ok(as.code_challenge_methods_supported.includes("S256"));
  return as;
}

async function flow(as, client, authentication, redirect_uri, step) {
  const browser = new Browser(server.user);
  const authorize = async (more) => {
    const request = { state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce(), verifier: oauth.generateRandomCodeVerifier() };
    const url = new URL(as.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id: client.client_id,
      response_type: "code",
      redirect_uri,
      code_challenge: await oauth.calculatePKCECodeChallenge(request.verifier),
      code_challenge_method: "S256",
      state: request.state,
      nonce: request.nonce,
      ...more,
    });
    return { ...request, answer: await browser.walk(url, redirect_uri) };
  };
  const exchange = async ({ state, nonce, verifier, answer }) => {
    // Checks `state` and, since the server promises one, `iss`.
    const parameters = oauth.validateAuthResponse(as, client, answer, state);
    const response = await oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, redirect_uri, verifier, insecure);
    const copy = response.clone();
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true });
    await oauth.validateApplicationLevelSignature(as, response, insecure);
    return { tokens, response: copy };
  };

  const request = await authorize({ scope: SCOPE, prompt: "consent" });
  step("signed in");
  const { tokens, response } = await exchange(request);
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  step("verified the ID token");
  const userinfo = async (token) =>
    oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, token, insecure));
  const claims = await userinfo(tokens.access_token);
  assert.equal(claims.preferred_username, server.user.username);
  step("read UserInfo");

  const refresh = async (token) => oauth.processRefreshTokenResponse(as, client,
    await oauth.refreshTokenGrantRequest(as, client, authentication, token, insecure));
  const refreshed = await refresh(tokens.refresh_token);
  const next = refreshed.refresh_token ?? tokens.refresh_token;
  // Those of a public client are replaced; those of a confidential one are bound to its secret.
  assert.equal(next !== tokens.refresh_token, client.token_endpoint_auth_method === "none");
  assert.equal((await userinfo(refreshed.access_token)).sub, sub);
  step("refreshed");

  const { resourceServer } = clients;
  const introspect = async (token) => oauth.processIntrospectionResponse(as, resourceServer,
    await oauth.introspectionRequest(as, resourceServer, oauth.ClientSecretBasic(resourceServer.client_secret), token, insecure));
  const live = await introspect(refreshed.access_token);
  assert.equal(live.active, true);
  assert.equal(live.iss ?? server.issuer, server.issuer);
  step("introspected");

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, authentication, next, insecure));
  await refused(refresh(next), "invalid_grant");
  assert.equal((await introspect(refreshed.access_token)).active, false);
  // Asking for the same again, or for nonsense, is no error (RFC 7009, section 2.2).
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, "nonsense", insecure));
  step("revoked");

  // A code works once. Its second use also ends what came of the first.
  const once = await authorize({ scope: "openid" });
  const first = await exchange(once);
  assert.equal((await introspect(first.tokens.access_token)).active, true);
  await refused(exchange(once), "invalid_grant");
  assert.equal((await introspect(first.tokens.access_token)).active, false);
  step("was refused a used code");

  const other = await authorize({ scope: "openid", prompt: "none" });
  await refused(exchange({ ...other, verifier: oauth.generateRandomCodeVerifier() }), "invalid_grant");
  step("was refused a wrong verifier");

  const silent = await exchange(await authorize({ scope: "openid", prompt: "none" }));
  const url = new URL(as.end_session_endpoint);
  url.searchParams.set("id_token_hint", silent.tokens.id_token);
  if (client.post_logout_redirect_uris) {
    url.searchParams.set("post_logout_redirect_uri", SIGNED_OUT);
    url.searchParams.set("state", "bye");
    const end = await browser.walk(url, SIGNED_OUT);
    assert.equal(end.searchParams.get("state"), "bye");
  } else {
    await browser.walkToPage(url, "signed-out");
  }
  const after = await authorize({ scope: "openid", prompt: "none" });
  assert.throws(() => oauth.validateAuthResponse(as, client, after.answer, after.state), (error) => error.error === "login_required");
  step("signed out");
}

await run({
  "a confidential client, OpenID Connect discovery": async (step) => {
    const as = await discover("oidc");
    step("discovered");
    const { client_id, client_secret, redirect_uris } = clients.confidential;
    await flow(as, { client_id }, oauth.ClientSecretBasic(client_secret), redirect_uris[0], step);
  },

  "a public client, OAuth discovery": async (step) => {
    const as = await discover("oauth2");
    step("discovered");
    const { client_id, redirect_uris } = clients.public;
    await flow(as, { client_id, token_endpoint_auth_method: "none" }, oauth.None(), redirect_uris[0], step);
  },

  "a client that registered itself": async (step) => {
    const as = await discover("oidc");
    const response = await oauth.dynamicClientRegistrationRequest(as, {
      client_name: "oauth4webapi",
      redirect_uris: [CALLBACK],
      post_logout_redirect_uris: [SIGNED_OUT],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post",
      scope: SCOPE,
    }, insecure);
    const client = await oauth.processDynamicClientRegistrationResponse(response);
    step("registered");
    await flow(as, client, oauth.ClientSecretPost(client.client_secret), CALLBACK, step);
  },
});
