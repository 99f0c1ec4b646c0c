// SIP.js in a page, driven by a test as JsSIP is in peer-jssip.js: it registers, sends a message and
// takes messages.

import { Messager, Registerer, RegistererState, UserAgent } from "sip.js";

const root = document.documentElement;
let agent, registerer;

window.peer = {
  async start(options) {
    agent = new UserAgent({
      uri: UserAgent.makeURI(options.uri),
      transportOptions: { server: options.url },
      authorizationUsername: options.authorization_user,
      authorizationPassword: options.password,
      delegate: {
        onMessage(message) {
          root.dataset.peerFrom = message.request.getHeader("P-Asserted-Identity") ?? "";
          root.dataset.peerText = message.request.body;
          message.accept();
        },
      },
    });
    await agent.start();
    registerer = new Registerer(agent, { registrar: UserAgent.makeURI("sip:" + options.domain), expires: 600 });
    registerer.stateChange.addListener((state) => {
      root.dataset.peer = state === RegistererState.Registered ? "registered" : "unregistered";
    });
    await registerer.register();
    return true;
  },
  async message(target, text) {
    const messager = new Messager(agent, UserAgent.makeURI(target), text);
    await messager.message({
      requestDelegate: {
        onAccept: () => (root.dataset.peerSent = "delivered"),
        onReject: (response) => (root.dataset.peerSent = String(response.message.statusCode)),
      },
    });
    return true;
  },
  stop: async () => (await registerer.unregister(), true),
};
