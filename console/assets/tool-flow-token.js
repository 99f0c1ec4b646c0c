// A flow token: the connection that a Path leads back to, and the MAC that keeps it honest.

import * as api from "./api.js";
import { clause, el } from "./dom.js";
import { check, facts, tool } from "./tool-form.js";

export const flowToken = {
  id: "flow-token",
  title: "Flow token",
  short: "the connection behind a Path",
  make() {
    return tool({
      title: "Flow token",
      lead: "A client behind a WebSocket has no address. The eP-CSCF writes the connection’s number into its Path, with a MAC, and finds the WebSocket again when a request comes back with it.",
      source: "RFC 5626 §5.2; RFC 3327 §5",
      fields: [{ name: "token", label: "Flow token", hint: "or the Path that it stands in", kind: "area" }],
      compute: async ({ token }) => (token.trim() ? api.compute("flow-token", { token: token.trim() }) : undefined),
      render: (found) => (found ? explained(found) : el("p", { class: "muted" }, "Copy one out of a Path, or press “Read the flow token” beside a message that has one.")),
    });
  },
};

function explained({ parts, valid, status, why }) {
  return [
    el("div", { class: "outcome", data: { ok: String(valid), testid: "flow-outcome" } }, valid ? `Leads back to a connection: ${why}.` : `Leads nowhere: ${why}. A request with it is answered ${status}.`),
    parts && el("ol", { class: "checks" },
      check("", parts.mac_is_right, "The MAC is the eP-CSCF’s own", parts.mac_is_right ? "" : "Made up, changed, or by another eP-CSCF: 403.", "RFC 5626 §5.3.1"),
      check("", parts.mac_is_right ? (parts.epoch_is_current ?? undefined) : undefined, "It is of this run", parts.mac_is_right && parts.epoch_is_current === false ? "The eP-CSCF was restarted since and the connection is gone: 430, so that the S-CSCF forgets this flow." : "", "RFC 5626 §5.3.1")),
    parts && facts([
      ["Connection", parts.connection, `64 bits; the upper ones name shard ${parts.shard}`],
      ["Epoch", `${parts.epoch} (${new Date(parts.epoch * 1000).toLocaleString()})`, "32 bits: when the eP-CSCF started"],
      ["MAC", parts.mac, "80 bits of HMAC-SHA-256 over both, with a key that only the eP-CSCF has"],
    ]),
    parts && el("p", { class: "muted" }, "All 22 octets together are written in base64url, as the user part of the Path URI. ", clause("RFC 4648 §5")),
  ];
}
