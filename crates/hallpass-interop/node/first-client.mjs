// The application of the book's first walk, as it stands in the examples: registered, started, and signed in to.

import { assert, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { createServer } from "node:net";
import * as oidc from "openid-client";

const port = await new Promise((found) => {
  const probe = createServer().listen(0, () => {
    const { port } = probe.address();
    probe.close(() => found(port));
  });
});
const home = `http://localhost:${port}`;

const registered = await oidc.dynamicClientRegistration(new URL(server.issuer), {
  client_name: "My shop",
  redirect_uris: [`${home}/callback`],
  token_endpoint_auth_method: "client_secret_basic",
}, undefined, { execute: [oidc.allowInsecureRequests] });
const { client_id, client_secret } = registered.clientMetadata();
Object.assign(process.env, { ISSUER: server.issuer, CLIENT_ID: client_id, CLIENT_SECRET: client_secret, PORT: String(port) });
await import("./client.mjs");

await run({
  "a person signs in": async (step) => {
    assert.match(await (await fetch(home)).text(), /href="\/sign-in"/);
    const begun = await fetch(`${home}/sign-in`, { redirect: "manual" });
    const back = await new Browser(server.user).walk(begun.headers.get("location"), `${home}/callback`);
    const shown = await fetch(back);
    assert.equal(shown.status, 200);
    const person = await shown.json();
    assert.equal(person.preferred_username, server.user.username);
    step("is shown who they are");
    assert.equal((await fetch(back)).status, 400);
    step("and an answer works once");
  },
  "an answer that nobody asked for": async (step) => {
    const forged = await fetch(`${home}/callback?code=made-up&state=made-up&iss=${encodeURIComponent(server.issuer)}`);
    assert.equal(forged.status, 400);
    step("is refused");
  },
});
process.exit(0);
