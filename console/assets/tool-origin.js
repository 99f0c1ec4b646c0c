// The origin of a page: which WWSF it is, or none.

import * as api from "./api.js";
import { el } from "./dom.js";
import { check, facts, tool } from "./tool-form.js";

export const origin = {
  id: "origin",
  title: "Origin",
  short: "scheme, host and port compared",
  make() {
    const here = location.origin;
    const { hostname } = location;
    const tries = [here, `HTTPS://${hostname.toUpperCase()}:${location.port}`, `https://${hostname}.evil.example:${location.port}`, here.replace("https:", "http:"), `${here}/`, "null", ""];
    return tool({
      title: "Origin",
      lead: "The browser says where a page comes from, and the page can’t change it. The eP-CSCF compares scheme, host and port, all three whole, with those of the WWSFs that it has authorised.",
      source: "RFC 6454 §4, §5; RFC 6455 §10.2; TS 33.203 REQ 1.1, 2.6, 3.3",
      above: (fill) => el("p", { class: "tool-above" }, "Try ", tries.map((text) => el("button", { type: "button", class: "small", onclick: () => fill({ origin: text }) }, text || "none at all"))),
      fields: [{ name: "origin", label: "Origin", hint: "as the header has it; empty is none", value: here }],
      compute: ({ origin: text }) => api.compute("origin", { origin: text }),
      render: (found) => [
        el("div", { class: "outcome", data: { ok: String(found.accepted), testid: "origin-outcome" } }, found.accepted ? `${found.status}: the connection belongs to ${found.wwsf}.` : `${found.status}: ${found.why}.`),
        found.tuple ? facts([["Scheme", found.tuple.scheme, "only https is taken"], ["Host", found.tuple.host, "lower case"], ["Port", found.tuple.port, "the scheme’s own when none is written"]]) : el("p", { class: "muted" }, "Not an origin: there is nothing to compare."),
        el("ul", { class: "checks" }, found.compared.map(({ wwsf, origin: one, same_scheme, same_host, same_port, same }) =>
          check("", same || !found.accepted ? same : undefined, `${one.scheme}://${one.host}:${one.port}`, [`${wwsf}: `, part("scheme", same_scheme), part("host", same_host), part("port", same_port)]))),
      ],
    });
  },
};

const part = (name, same) => `${name} ${same ? "✓" : "✕"} `;
