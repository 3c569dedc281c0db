// What the scripts share: the server's first line from standard input, and one line of JSON as the result.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

// Node 18 has no globals for them.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

export { assert };

/** `{ issuer, user, clients }` as the server printed it. */
export const server = JSON.parse(readFileSync(0, "utf8"));

/** The demo's clients by what they are for. */
export const clients = {
  confidential: server.clients.find((c) => c.client_secret && c.grant_types.includes("client_credentials") && c.redirect_uris.length > 0),
  public: server.clients.find((c) => !c.client_secret && c.redirect_uris.length > 0),
  resourceServer: server.clients.find((c) => c.client_secret && c.redirect_uris.length === 0),
};

/** An address where nobody listens: the browser of these tests stops before it. */
export const CALLBACK = "http://localhost:8401/callback";
export const SIGNED_OUT = "http://localhost:8401/signed-out";
export const SCOPE = "openid profile email offline_access";

/** Asserts that a promise is rejected with that OAuth error code. */
export async function refused(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.error, code, `${error}: ${error.error} ${error.error_description}`);
    return true;
  });
}

/** Runs the cases in order and prints what was done. */
export async function run(cases) {
  const done = {};
  for (const [name, test] of Object.entries(cases)) {
    const steps = [];
    try {
      await test((step) => steps.push(step));
    } catch (error) {
      const cause = error.cause ? ` (${error.cause.message ?? JSON.stringify(error.cause)})` : "";
      console.log(JSON.stringify({ ok: false, case: name, after: steps, error: `${error.stack}${cause}`, answer: error.error, description: error.error_description }));
      process.exit(1);
    }
    done[name] = steps;
  }
  console.log(JSON.stringify({ ok: true, done }));
}
