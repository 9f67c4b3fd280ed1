// Keys that work anywhere but in a field: "/" filter, "g" then a letter, "n", "j" and "k", "?".
// A switch in the dialog turns them off for this browser (WCAG 2.1.4).
const KEY = "wayfork.shortcuts";
const GO = { f: "flags", s: "segments", r: "requests", e: "experiments", m: "metrics", a: "audit" };
const GO_MS = 1200;

const isOn = () => {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
};
const isTyping = (element) =>
  element?.isContentEditable ||
  (element instanceof HTMLInputElement && !["checkbox", "radio", "range", "button", "submit"].includes(element.type)) ||
  element instanceof HTMLTextAreaElement ||
  element instanceof HTMLSelectElement;

const go = (section) => document.querySelector(`.rail [data-section="${section}"]`)?.click();

const step = (by) => {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.querySelector("a[href]"));
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  rows[next].querySelector("a[href]").focus();
};

const ACTIONS = {
  "/": () => document.querySelector("[data-filter]")?.focus(),
  "?": () => document.getElementById("shortcuts")?.showModal(),
  n: () => document.querySelector("[data-shortcut-new]")?.click(),
  j: () => step(1),
  k: () => step(-1),
};

let waiting = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]") || !isOn()) return;
  const now = Date.now();
  if (now < waiting && event.key in GO) {
    waiting = 0;
    event.preventDefault();
    go(GO[event.key]);
  } else if (event.key === "g") {
    waiting = now + GO_MS;
  } else if (event.key in ACTIONS) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
});

const box = document.querySelector("[data-shortcuts-switch]");
if (box) {
  box.checked = isOn();
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, box.checked ? "on" : "off");
    } catch {
      // storage may be forbidden; shortcuts then stay on
    }
  });
}
