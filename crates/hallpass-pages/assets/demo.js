// The demo app: authorization code flow with PKCE for a public client, in one file without libraries.
// Tokens live in this page's memory only; what must survive the redirect is in the tab's session storage.
"use strict";

(() => {
  const root = document.getElementById("demo");
  const element = (id) => document.getElementById(id);
  const { issuer, clientId, redirectUri, scope } = root.dataset;
  const storage = "hallpass-demo";
  let metadata;
  let tokens = {};

  // RFC 7636, sections 4.1 and 4.2.
  const base64url = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
  const challenge = async (verifier) =>
    base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const decode = (part) =>
    Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const decodeJson = (part) => JSON.parse(new TextDecoder().decode(decode(part)));

  const show = (id, text) => { element(id).textContent = text; };
  const step = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    element("steps").append(item);
    element("history").hidden = false;
  };
  const fail = (error) => {
    show("demo-error", error.message);
    element("demo-error").hidden = false;
    root.dataset.state = "failed";
  };
  const state = (name) => {
    root.dataset.state = name;
    element("start").hidden = name === "signed-in";
    element("refresh").hidden = name !== "signed-in" || !tokens.refresh_token;
    element("sign-out").hidden = name !== "signed-in";
    element("result").hidden = name !== "signed-in";
  };

  const json = async (response, what) => {
    const body = await response.json().catch(() => ({}));
    if (!response.ok) {
      throw new Error(`${what} answered ${response.status} ${body.error ?? ""} ${body.error_description ?? ""}`.trim());
    }
    return body;
  };
  const post = (url, fields) =>
    fetch(url, { method: "POST", body: new URLSearchParams(fields), credentials: "omit" });

  async function start() {
    const request = { state: random(), nonce: random(), verifier: random() };
    sessionStorage.setItem(storage, JSON.stringify(request));
    const url = new URL(metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      scope,
      state: request.state,
      nonce: request.nonce,
      code_challenge: await challenge(request.verifier),
      code_challenge_method: "S256",
      ...(scope.split(" ").includes("offline_access") ? { prompt: "consent" } : {}),
    });
    location.assign(url);
  }

  // The answer of the authorization endpoint: this page's own address with `code` or `error`.
  async function receive(answer) {
    const request = JSON.parse(sessionStorage.getItem(storage) ?? "null");
    sessionStorage.removeItem(storage);
    history.replaceState(null, "", location.pathname);
    if (!request || answer.get("state") !== request.state) {
      throw new Error("The answer does not belong to a request of this tab. Please sign in again.");
    }
    // RFC 9207, section 2.4.
    if (answer.get("iss") !== issuer) throw new Error("The answer came from another issuer.");
    if (answer.has("error")) {
      const why = answer.get("error_description");
      throw new Error(`The request was refused: ${why ? `${why} (${answer.get("error")})` : answer.get("error")}.`);
    }
    step("Authorization endpoint: a code, with the expected state and issuer.");
    tokens = await json(await post(metadata.token_endpoint, {
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: request.verifier,
    }), "The token endpoint");
    step(`Token endpoint: the code became ${Object.keys(tokens).filter((name) => name.endsWith("_token")).length} tokens.`);
    await showIdToken(request.nonce);
    await showUserinfo();
    showTokens("new");
    state("signed-in");
  }

  async function refresh() {
    const before = tokens.refresh_token;
    const renewed = await json(await post(metadata.token_endpoint, {
      grant_type: "refresh_token",
      refresh_token: before,
      client_id: clientId,
    }), "The token endpoint");
    tokens = { ...tokens, ...renewed };
    step(`Token endpoint: refreshed${tokens.refresh_token === before ? "." : ", and the refresh token was replaced."}`);
    if (renewed.id_token) await showIdToken();
    await showUserinfo();
    showTokens("refreshed");
    state("signed-in");
  }

  // OpenID Connect RP-Initiated Logout 1.0, section 2; as a post, so that the ID token stays out of addresses.
  function signOut() {
    const form = document.createElement("form");
    form.method = "post";
    form.action = metadata.end_session_endpoint;
    const fields = { id_token_hint: tokens.id_token, client_id: clientId, post_logout_redirect_uri: redirectUri };
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  }

  // OpenID Connect Core 1.0, section 3.1.3.7.
  async function showIdToken(nonce) {
    const [head, body, signature] = tokens.id_token.split(".");
    const header = decodeJson(head);
    const claims = decodeJson(body);
    show("id-token-claims", JSON.stringify(claims, null, 2));
    const audience = [claims.aud].flat();
    const wrong = [
      claims.iss !== issuer && "issuer",
      !audience.includes(clientId) && "audience",
      nonce !== undefined && claims.nonce !== nonce && "nonce",
      claims.exp * 1000 <= Date.now() && "expiry",
      !(await verify(header, `${head}.${body}`, decode(signature))) && "signature",
    ].filter(Boolean);
    show("id-token-status", wrong.length ? `Wrong ${wrong.join(", ")}` : `Verified, ${header.alg}`);
    element("id-token-status").classList.toggle("tag-bad", wrong.length > 0);
    if (wrong.length) throw new Error(`The ID token is not valid: wrong ${wrong.join(", ")}.`);
    step(`ID token: signature (${header.alg}), issuer, audience, ${nonce === undefined ? "" : "nonce "}and expiry are right.`);
  }

  async function verify(header, signed, signature) {
    const algorithm = {
      RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
      RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
      RS512: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
      PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
      PS384: { name: "RSA-PSS", hash: "SHA-384", saltLength: 48 },
      PS512: { name: "RSA-PSS", hash: "SHA-512", saltLength: 64 },
      ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
      ES384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
      ES512: { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" },
      EdDSA: { name: "Ed25519" },
    }[header.alg];
    const { keys } = await json(await fetch(metadata.jwks_uri, { credentials: "omit" }), "The key set");
    const jwk = keys.find((key) => key.kid === header.kid);
    if (!algorithm || !jwk) return false;
    const { kty, n, e, crv, x, y } = jwk;
    const key = await crypto.subtle.importKey("jwk", { kty, n, e, crv, x, y }, algorithm, false, ["verify"]);
    return crypto.subtle.verify(algorithm, key, signature, new TextEncoder().encode(signed));
  }

  async function showUserinfo() {
    const claims = await json(await fetch(metadata.userinfo_endpoint, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
      credentials: "omit",
    }), "The UserInfo endpoint");
    show("userinfo", JSON.stringify(claims, null, 2));
    step("UserInfo endpoint: answered with claims about the person.");
  }

  function showTokens(what) {
    show("access-token", tokens.access_token);
    show("refresh-token", tokens.refresh_token ?? "none");
    show("id-token", tokens.id_token);
    const minutes = Math.round(tokens.expires_in / 60);
    show("token-status", `${what}, valid for ${minutes} min`);
  }

  const run = (action) => async (event) => {
    const button = event?.currentTarget;
    if (button) button.disabled = true;
    element("demo-error").hidden = true;
    try {
      await action();
    } catch (error) {
      fail(error);
    } finally {
      if (button) button.disabled = false;
    }
  };
  element("start").addEventListener("click", run(start));
  element("refresh").addEventListener("click", run(refresh));
  element("sign-out").addEventListener("click", run(signOut));

  run(async () => {
    state("signed-out");
    // OpenID Connect Discovery 1.0, section 4.3: the document must be about the issuer that was asked.
    metadata = await json(await fetch(`${issuer}/.well-known/openid-configuration`, { credentials: "omit" }), "Discovery");
    if (metadata.issuer !== issuer) throw new Error("Discovery describes another issuer.");
    const answer = new URLSearchParams(location.search);
    if (answer.has("code") || answer.has("error")) await receive(answer);
  })();
})();
