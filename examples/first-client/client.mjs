// A web application that signs people in: one page, one link, no framework.
import { createServer } from "node:http";
import * as oidc from "openid-client";

const { ISSUER = "http://localhost:3000", CLIENT_ID = "shop", CLIENT_SECRET, PORT = "8080" } = process.env;
const home = new URL(`http://localhost:${PORT}`);
const callback = new URL("/callback", home);

// [discover]
const issuer = new URL(ISSUER);
// Only for a server on your own machine: everything else speaks https.
const options = issuer.hostname === "localhost" ? { execute: [oidc.allowInsecureRequests] } : undefined;
const config = await oidc.discovery(issuer, CLIENT_ID, CLIENT_SECRET, oidc.ClientSecretBasic(CLIENT_SECRET), options);
// [/discover]

// What belongs to one sign-in. A real application keeps it in the session of the browser.
const waiting = new Map();

// [begin]
async function begin() {
  const state = oidc.randomState();
  const verifier = oidc.randomPKCECodeVerifier();
  waiting.set(state, verifier);
  return oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback.href,
    scope: "openid profile email",
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
}
// [/begin]

// [end]
async function end(url) {
  const state = url.searchParams.get("state");
  const verifier = waiting.get(state);
  waiting.delete(state);
  const tokens = await oidc.authorizationCodeGrant(config, url, { expectedState: state, pkceCodeVerifier: verifier });
  return oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
}
// [/end]

createServer(async (request, response) => {
  const url = new URL(request.url, home);
  try {
    if (url.pathname === "/sign-in") {
      response.writeHead(303, { location: (await begin()).href }).end();
    } else if (url.pathname === "/callback") {
      const person = await end(url);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(person, null, 2));
    } else {
      response.writeHead(200, { "content-type": "text/html" }).end('<a href="/sign-in">Sign in</a>');
    }
  } catch (error) {
    response.writeHead(400, { "content-type": "text/plain" }).end(`${error.error ?? error.message}\n`);
  }
}).listen(Number(PORT), () => console.log(`open ${home}`));
