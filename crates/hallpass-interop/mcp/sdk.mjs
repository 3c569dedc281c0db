// The MCP TypeScript SDK's own client side of authorization, from the challenge of an MCP server to tokens for it: once with
// dynamic registration, once with a client that is described by a document.

import { assert, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { readFileSync } from "node:fs";
import { auth, extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js";
import { createRemoteJWKSet, jwtVerify } from "jose";

const resource = process.env.MCP_RESOURCE;
const documentUrl = process.env.MCP_DOCUMENT;
const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`));
const metadata = `${new URL(resource).origin}/.well-known/oauth-protected-resource${new URL(resource).pathname}`;

// An MCP server as far as its authorization goes.
const mcp = createServer(async (request, response) => {
  if (request.url === new URL(metadata).pathname) {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ resource, authorization_servers: [server.issuer], scopes_supported: ["mcp:tools", "offline_access"] }));
    return;
  }
  const token = request.headers.authorization?.replace(/^Bearer /, "");
  try {
    const { payload } = await jwtVerify(token ?? "", keys, { issuer: server.issuer, audience: resource, typ: "at+jwt" });
    response.end(JSON.stringify({ client: payload.client_id, scope: payload.scope }));
  } catch {
    response.statusCode = 401;
    response.setHeader("www-authenticate", `Bearer resource_metadata="${metadata}", scope="mcp:tools offline_access"`);
    response.end();
  }
});

const redirectUri = "http://127.0.0.1:8402/callback";
const described = {
  client_id: documentUrl,
  client_name: "An MCP client",
  redirect_uris: ["http://127.0.0.1/callback"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
};
let fetched = 0;
const web = createTlsServer({ cert: readFileSync(process.env.MCP_CERT), key: readFileSync(process.env.MCP_KEY) }, (request, response) => {
  fetched += 1;
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "max-age=600");
  response.end(JSON.stringify(described));
});

const listening = (listener, url) => new Promise((resolve) => listener.listen(Number(new URL(url).port), new URL(url).hostname, resolve));
await listening(mcp, resource);
await listening(web, documentUrl);

class Provider {
  constructor(clientMetadataUrl) {
    this.clientMetadataUrl = clientMetadataUrl;
    this.redirectUrl = redirectUri;
    this.clientMetadata = { ...described, client_id: undefined, redirect_uris: [redirectUri], application_type: "native" };
  }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.saved; }
  saveTokens(tokens) { this.saved = tokens; }
  redirectToAuthorization(url) { this.redirected = url; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  invalidateCredentials(what) {
    this.invalidated = what;
    if (what === "all" || what === "client") this.client = undefined;
    if (what === "all" || what === "tokens") this.saved = undefined;
  }
}

async function call(token) {
  return fetch(resource, { headers: token ? { authorization: `Bearer ${token}` } : {} });
}

async function walk(provider, step) {
  const challenged = await call();
  assert.equal(challenged.status, 401);
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(challenged);
  const options = { serverUrl: resource, resourceMetadataUrl, scope };
  assert.equal(await auth(provider, options), "REDIRECT");
  assert.equal(provider.redirected.searchParams.get("resource"), resource);
  assert.equal(provider.redirected.searchParams.get("code_challenge_method"), "S256");
  step("sent to the authorization server");
  const answer = await new Browser(server.user).walk(provider.redirected, redirectUri);
  assert.equal(answer.searchParams.get("iss"), server.issuer);
  assert.equal(await auth(provider, { ...options, authorizationCode: answer.searchParams.get("code") }), "AUTHORIZED");
  step("got tokens");
  const used = await call(provider.saved.access_token);
  assert.equal(used.status, 200);
  assert.deepEqual(await used.json(), { client: provider.client.client_id, scope: "mcp:tools" });
  step("used the token");
  const before = provider.saved;
  assert.ok(before.refresh_token);
  assert.equal(await auth(provider, options), "AUTHORIZED");
  assert.notEqual(provider.saved.access_token, before.access_token);
  assert.notEqual(provider.saved.refresh_token, before.refresh_token);
  assert.equal((await call(provider.saved.access_token)).status, 200);
  step("refreshed");
}

await run({
  "dynamic registration": async (step) => {
    const provider = new Provider(undefined);
    await walk(provider, step);
    assert.match(provider.client.client_id, /^c_/);
    assert.equal(fetched, 0);
    // A client that is gone is told so, and the SDK registers anew.
    provider.client = { ...provider.client, client_id: "c_forgotten" };
    assert.equal(await auth(provider, { serverUrl: resource }), "REDIRECT");
    assert.equal(provider.invalidated, "all");
    assert.notEqual(provider.client.client_id, "c_forgotten");
    step("registered again after it was forgotten");
  },
  "a client of a document": async (step) => {
    const provider = new Provider(documentUrl);
    await walk(provider, step);
    assert.equal(provider.client.client_id, documentUrl);
    assert.equal(fetched, 1);
  },
});
mcp.close();
web.close();
