// Starts the stand-ins and sends the vendors' own clients there. The clients keep their production addresses: only where a
// connection leads is changed, so that the paths, headers and bodies are the ones they use in earnest. Nothing leaves this machine.

import { spawn } from "node:child_process";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const require = createRequire(import.meta.url);

const VENDORS = new Set([
  "quickbooks.api.intuit.com", "sandbox-quickbooks.api.intuit.com", "appcenter.intuit.com", "oauth.platform.intuit.com",
  "developer.api.intuit.com", "api.xero.com", "login.xero.com", "identity.xero.com", "example.myshopify.com",
]);

let target;

// Every client here ends in `https.request`, whatever library it uses on the way.
https.request = (...given) => {
  const first = given.shift();
  const url = typeof first === "string" || first instanceof URL ? new URL(first) : undefined;
  const rest = url && typeof given[0] === "object" ? given.shift() : {};
  const options = url ? { ...rest, path: url.pathname + url.search, hostname: url.hostname } : first;
  const host = options.hostname ?? options.host;
  if (!VENDORS.has(host)) throw new Error(`a client wants to reach ${host}, which has no stand-in`);
  const local = { ...options, protocol: "http:", host: target.hostname, hostname: target.hostname, port: target.port };
  for (const key of ["agent", "agents", "ca", "lookup", "servername", "socketPath"]) delete local[key];
  return http.request({ ...local, agent: new http.Agent() }, ...given);
};
https.get = (...given) => {
  const request = https.request(...given);
  request.end();
  return request;
};

/** The stand-ins, with what a test asks of them beside the vendors' own paths. Call `stop` at the end. */
export async function start() {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  // Cargo hands its process over to the program: ending the one ends the other.
  const child = spawn("cargo", ["run", "--quiet", "-p", "sandbox", "--", "--port", "0"], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
      const found = /listening on (\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    child.on("exit", (code) => reject(new Error(`the stand-ins ended with ${code}`)));
  });
  target = new URL(address);
  const control = async (path, body) => {
    const answer = await fetch(new URL(`/_sandbox/${path}`, target), body && { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  };
  return { address, control, stop: () => child.kill() };
}

/** A promise of what a callback client answers; a refusal carries `body` and `status`. */
export const asked = (call) =>
  new Promise((resolve, reject) =>
    call((error, body, response) => (error ? reject(refused(error, body, response)) : resolve(body))),
  );

/** Axios, where the library hands its error on, has the answer in it. */
const refused = (error, body, response) => {
  const said = error.response?.data ?? body ?? error.message;
  return Object.assign(new Error(JSON.stringify(said)), { body: said, status: error.response?.status ?? response?.status });
};

/** What a call is refused with. */
export const refusal = (promise) => promise.then(() => { throw new Error("expected a refusal"); }, (error) => error);

/** Follows a consent page to the address that it sends the browser back to. */
export async function consent(url) {
  const { pathname, search } = new URL(url);
  const answer = await fetch(new URL(pathname + search, target), { redirect: "manual" });
  if (answer.status !== 302) throw new Error(`the consent page answered ${answer.status}: ${await answer.text()}`);
  return answer.headers.get("location");
}
