// Registers JsSIP, de-registers, and prints what happened as one JSON line a happening.
//
// Reads one JSON object on stdin: {url, origin, uri, authorization_user?, password?, realm?, jwt?}.
// The CA comes by NODE_EXTRA_CA_CERTS. Exits 0 when it was registered and de-registered.

import WebSocket from "ws";
import JsSIP from "jssip";
import { text } from "node:stream/consumers";

const options = JSON.parse(await text(process.stdin));

// JsSIP uses the browser's WebSocket; a browser would send its page's Origin.
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { origin: options.origin });
  }
};

const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

const agent = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(options.url)],
  uri: options.uri,
  registrar_server: "sip:" + (options.realm ?? options.uri.split("@")[1]),
  authorization_user: options.authorization_user,
  password: options.password,
  realm: options.realm,
  authorization_jwt: options.jwt && "Bearer " + options.jwt,
  register_expires: 600,
});

const fail = (event, more) => {
  say(event, more);
  process.exit(1);
};

agent.on("registered", (e) => {
  say("registered", {
    status: e.response.status_code,
    associated: e.response.getHeaders("P-Associated-URI"),
    service_route: e.response.getHeader("Service-Route"),
  });
  agent.unregister();
});
agent.on("unregistered", (e) => {
  say("unregistered", { status: e.response?.status_code, cause: e.cause });
  agent.stop();
  process.exit(e.response?.status_code === 200 ? 0 : 1);
});
agent.on("registrationFailed", (e) => fail("failed", { status: e.response?.status_code, cause: e.cause }));
agent.on("disconnected", (e) => fail("disconnected", { code: e.code, reason: e.reason }));
setTimeout(() => fail("timeout"), 30000).unref();
agent.start();
