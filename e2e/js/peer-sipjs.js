// SIP.js in a page, driven by a test as JsSIP is in peer-jssip.js: it registers, sends a message and
// takes messages.

import { Messager, Registerer, RegistererState, UserAgent, Web } from "sip.js";

const root = document.documentElement;
let agent, registerer, session;

window.peer = {
  async start(options) {
    agent = new UserAgent({
      uri: UserAgent.makeURI(options.uri),
      transportOptions: { server: options.url },
      authorizationUsername: options.authorization_user,
      authorizationPassword: options.password,
      delegate: {
        onInvite: (invitation) => (session = invitation),
        onMessage(message) {
          root.dataset.peerFrom = message.request.getHeader("P-Asserted-Identity") ?? "";
          root.dataset.peerText = message.request.body;
          message.accept();
        },
      },
    });
    await agent.start();
    const registrar = UserAgent.makeURI("sip:" + options.domain);
    // With a reg-id, as RFC 5626 wants, which is not its default.
    registerer = new Registerer(agent, { registrar, regId: 1, expires: 600 });
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
  answer: () => (session?.accept({ sessionDescriptionHandlerOptions: { constraints: { audio: true } } }), Boolean(session)),
  hold: () => (session.invite({ sessionDescriptionHandlerModifiers: [Web.holdModifier] }), true),
  leave: () => agent.stop(),
  stop: async () => (await registerer.unregister(), true),
};
