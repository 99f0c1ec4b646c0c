// The console's web API.

const BASE = "/console/api";

/** A refusal by the server, in its own words (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `the server answered ${status}`);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const response = await fetch(path.startsWith("/api/") ? path : BASE + path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => undefined));
  return response;
}

async function json(method, path, body) {
  const response = await ask(method, path, body);
  return response.status === 204 ? undefined : response.json();
}

export const trace = (since, limit) => json("GET", `/trace?since=${since}&limit=${limit}`);
export const nodes = () => json("GET", "/nodes");
export const newest = (count) => json("GET", `/trace?last=${count}`);
export const events = (since) => new EventSource(`${BASE}/events?since=${since}`);
export const compute = (what, input) => json("POST", `/compute/${what}`, input);
export const exported = async (format, seqs) => (await ask("POST", `/export?format=${format}`, { seqs })).blob();
export const lessons = () => json("GET", "/lessons");
export const startLesson = (id, stepByStep) => json("POST", `/lessons/${id}/runs`, { step_by_step: stepByStep });
export const nextStep = (run) => json("POST", `/runs/${run}/next`);
export const cancelRun = (run) => json("DELETE", `/runs/${run}`);
export const faults = () => json("GET", "/faults");
export const runFault = (id) => json("POST", `/faults/${id}/runs`);

/** Logs in to this WWSF and gets a token (W1). */
export async function issueToken(username, password) {
  if (username) await json("POST", "/api/login", { username, password });
  return json("POST", "/api/token", {});
}
