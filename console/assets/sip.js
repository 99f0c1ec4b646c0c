// A SIP message as lines that can be pointed at.

/** `{kind, start, headers: [{name, value, from, to}], body, lines}`; `from`/`to` are line numbers. */
export function parse(text) {
  const cut = /\r?\n\r?\n/.exec(text);
  const head = cut ? text.slice(0, cut.index) : text.replace(/\r?\n$/, "");
  const body = cut ? text.slice(cut.index + cut[0].length) : "";
  const lines = head.split(/\r?\n/);
  const start = lines[0] ?? "";
  const headers = [];
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at];
    const last = headers.at(-1);
    if (/^[ \t]/.test(line) && last) {
      last.value += ` ${line.trim()}`;
      last.to = at;
      continue;
    }
    const colon = line.indexOf(":");
    headers.push(colon > 0 ? { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim(), from: at, to: at } : { name: "", value: line, from: at, to: at });
  }
  const status = /^SIP\/2\.0\s+(\d{3})\s*(.*)$/.exec(start);
  const request = /^([^\s]+)\s+(\S+)\s+SIP\/2\.0$/.exec(start);
  const kind = status ? "response" : request ? "request" : "other";
  return { kind, start, status: status && Number(status[1]), reason: status?.[2], method: request?.[1], uri: request?.[2], headers, body, complete: Boolean(cut) };
}

export const values = (message, name) => message.headers.filter((header) => long(header.name) === name).map((header) => header.value);
export const value = (message, name) => values(message, name)[0];

const SHORT = { v: "via", f: "from", t: "to", i: "call-id", m: "contact", c: "content-type", l: "content-length", k: "supported", o: "event" };
export const long = (name) => SHORT[name.toLowerCase()] ?? name.toLowerCase();

/** Cuts a value at `separators` outside quotes and angle brackets; each piece with where it begins. */
export function pieces(text, separators) {
  const found = [];
  let quoted = false;
  let depth = 0;
  let begin = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const c = text[at];
    if (c === '"' && text[at - 1] !== "\\") quoted = !quoted;
    if (!quoted && c === "<") depth += 1;
    if (!quoted && c === ">") depth -= 1;
    if (at === text.length || (!quoted && depth <= 0 && separators.includes(c))) {
      found.push({ text: text.slice(begin, at), at: begin });
      begin = at + 1;
    }
  }
  return found;
}

/** `[name, value]` of each parameter that a header's value has, those within its URI too. */
export function params(name, text) {
  const list = /^(digest|bearer)\s+/i.exec(text);
  if (list || long(name) === "authentication-info") {
    if (list && /^bearer$/i.test(list[1]) && !text.includes("=\"") && !/\b(realm|error|scope)=/.test(text)) return [];
    return pieces(text.slice(list ? list[0].length : 0), ",").map((piece) => pair(piece.text)).filter(([key]) => key);
  }
  const found = [];
  for (const piece of pieces(text, ";,")) {
    const inUri = /<([^>]*)>/.exec(piece.text);
    if (inUri) for (const param of inUri[1].split(/[;?]/).slice(1)) found.push(pair(param));
    if (!inUri && piece.at > 0) found.push(pair(piece.text));
  }
  return found.filter(([key]) => key);
}

function pair(text) {
  const at = text.indexOf("=");
  const key = (at < 0 ? text : text.slice(0, at)).trim();
  return [key, at < 0 ? "" : text.slice(at + 1).trim()];
}
