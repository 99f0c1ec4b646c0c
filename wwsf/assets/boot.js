// Starts the client. Its files have hashed names, which the page knows.
const { glue, wasm } = document.getElementById("boot").dataset;

try {
  const { default: start } = await import(new URL(glue, location.href).href);
  await start({ module_or_path: new URL(wasm, location.href) });
} catch (error) {
  console.error(error);
  const show = (id, text) => (document.getElementById(id).textContent = text);
  document.getElementById("state").dataset.state = "failed";
  show("state-name", "Not loaded");
  show("state-detail", "This page cannot register without its client");
  show("failure-cause", "The client did not start");
  show("failure-status", String(error));
  show("failure-hint", "It is a WebAssembly module of this site. Reload the page; if that does not help, the browser may be too old or WebAssembly may be switched off.");
  document.getElementById("failure").hidden = false;
}
