// Taking messages away: pcapng, SVG, PNG, Mermaid, JSON.

import * as api from "./api.js";
import { $, count, download, el, say } from "./dom.js";

const FORMATS = [
  ["pcapng", "pcapng", "for Wireshark, dissected as SIP and HTTP"],
  ["svg", "SVG", "the ladder as a drawing"],
  ["png", "PNG", "the ladder as a picture"],
  ["mermaid", "Mermaid", "text for a README"],
  ["json", "JSON", "the records themselves"],
];

const ENDS = { mermaid: "mmd" };

export function exportMenu(ladder) {
  const which = el("p", { class: "muted" });
  const failure = el("p", { class: "menu-failure", role: "alert", hidden: true });
  const menu = el("details", { class: "export", data: { testid: "export" } },
    el("summary", { class: "small button", title: "Take the messages with you (E)" }, "Export"),
    el("div", { class: "menu-list" }, which,
      FORMATS.map(([format, name, what]) => el("button", { type: "button", data: { testid: `export-${format}` }, onclick: () => take(format) }, el("b", {}, name), el("small", {}, what))), failure));
  $("export-menu").replaceWith(menu);

  menu.addEventListener("toggle", () => {
    if (!menu.open) return;
    failure.hidden = true;
    which.textContent = ladder.hasRange ? `The ${count(ladder.chosen.length, "selected message")}` : `All ${count(ladder.chosen.length, "message")} that are shown. Shift+click selects a part.`;
  });
  document.addEventListener("click", (event) => {
    if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  async function take(format) {
    failure.hidden = true;
    const seqs = ladder.chosen.map((arrow) => arrow.seq);
    try {
      const blob = format === "png" ? await png(await api.exported("svg", seqs)) : await api.exported(format, seqs);
      download(`ladder.${ENDS[format] ?? format}`, blob);
      menu.open = false;
      say(`Exported ${count(seqs.length, "message")} as ${format}`);
    } catch (error) {
      failure.textContent = `Not exported: ${error.message}`;
      failure.hidden = false;
    }
  }

  return { open: () => ((menu.open = true), menu.querySelector("summary").focus()) };
}

/** Draws an SVG at twice its size. */
export async function png(svg) {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    // Canvases end at about 16 000 pixels; a long ladder comes out smaller rather than cut.
    const scale = Math.min(2, 16_000 / image.width, 16_000 / image.height);
    const canvas = el("canvas", { width: Math.ceil(image.width * scale), height: Math.ceil(image.height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("too large to draw"))), "image/png"));
  } finally {
    URL.revokeObjectURL(url);
  }
}
