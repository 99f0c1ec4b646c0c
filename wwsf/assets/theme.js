// Light or dark: what the person chose here, else what the system says. Runs before the first
// paint, and without the client.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem("wic.theme");
  } catch {
    return null; // Storage is switched off.
  }
}

function store(theme) {
  try {
    localStorage.setItem("wic.theme", theme);
  } catch {
    // The choice lasts as long as the page.
  }
}

function current() {
  return root.dataset.theme ?? (system.matches ? "dark" : "light");
}

const chosen = stored();
if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const label = () => button?.setAttribute("aria-label", `Switch to ${current() === "dark" ? "light" : "dark"}`);
  button?.addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    store(root.dataset.theme);
    label();
  });
  system.addEventListener("change", label);
  label();
});
