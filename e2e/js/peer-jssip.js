// JsSIP in a page, driven by a test: `peer.start(options)`, `peer.call(target)`, …. Where it stands is
// in attributes of the root element, which a test can wait for: data-peer (registered, ringing,
// established, ended, …), data-peer-packets-received and -sent of the call's audio.

import JsSIP from "jssip";

const root = document.documentElement;
const show = (state, more = {}) => {
  for (const [key, value] of Object.entries(more)) root.dataset["peer" + key] = value ?? "";
  root.dataset.peer = state;
};

let agent, session;
const audio = { mediaConstraints: { audio: true, video: false }, pcConfig: { bundlePolicy: "max-compat" } };

const watch = (call) => {
  session = call;
  call.on("progress", (e) => e.originator === "remote" && show("ringing"));
  call.on("confirmed", () => {
    show("established", { From: call.remote_identity.uri.toString() });
    const timer = setInterval(async () => {
      if (call.isEnded()) return clearInterval(timer);
      for (const report of (await call.connection.getStats()).values()) {
        if (report.kind !== "audio") continue;
        if (report.type === "inbound-rtp") root.dataset.peerPacketsReceived = report.packetsReceived;
        if (report.type === "outbound-rtp") root.dataset.peerPacketsSent = report.packetsSent;
      }
    }, 200);
  });
  call.on("ended", (e) => show("ended", { Cause: e.cause, By: e.originator }));
  call.on("failed", (e) => show("failed", { Cause: e.cause, Status: e.message?.status_code }));
};

window.peer = {
  start(options) {
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(options.url)],
      uri: options.uri,
      registrar_server: "sip:" + options.domain,
      authorization_user: options.authorization_user,
      password: options.password,
      realm: options.domain,
      authorization_jwt: options.jwt && "Bearer " + options.jwt,
      register_expires: 600,
    });
    agent.on("registered", () => show("registered"));
    agent.on("unregistered", () => show("unregistered"));
    agent.on("registrationFailed", (e) => show("refused", { Cause: e.cause, Status: e.response?.status_code }));
    agent.on("newRTCSession", (e) => {
      if (e.originator === "remote") watch(e.session);
      if (e.originator === "remote") show("incoming", { From: e.request.getHeader("P-Asserted-Identity") });
    });
    agent.start();
    return true;
  },
  call: (target) => (watch(agent.call(target, audio)), true),
  answer: () => (session?.answer(audio), Boolean(session)),
  hold: () => session.hold(),
  hangUp: () => (session.terminate(), true),
  stop: () => (agent.unregister(), true),
  leave: () => agent.stop(),
};
