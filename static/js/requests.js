// What htmx does with answers that are not a plain success.
//   422, 409  a form that came back with its errors: swapped in like any other answer
//   a box from components/problem.html: put into the nearest [data-problems], else told as a message
//   anything else, or no answer at all: told as a message; the page stays as it was
import { toast, words } from "./toast.js";

const REDRAWN = new Set([409, 422]);

const slotFor = (element) => {
  for (let near = element; near; near = near.parentElement) {
    const slot = near.querySelector(":scope [data-problems]");
    if (slot && near.matches("form, dialog, section, .panel")) return slot;
  }
  return null;
};

const tell = (problem, element) => {
  const slot = slotFor(element);
  if (slot) {
    slot.replaceChildren(document.importNode(problem, true));
    slot.scrollIntoView({ block: "nearest" });
    return;
  }
  const text = (name) => problem.querySelector(`[data-problem-${name}]`)?.textContent.trim() ?? "";
  toast(text("title"), { detail: [text("detail"), text("hint")].filter(Boolean).join(" "), tone: "is-danger" });
};

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status < 400) return;
  const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const problem = answer.querySelector("[data-problem]");
  event.detail.isError = false;
  if (problem) tell(problem, requestConfig.elt);
  else if (REDRAWN.has(xhr.status) && xhr.responseText) event.detail.shouldSwap = true;
  else toast(words("refused"), { detail: `HTTP ${xhr.status}`, tone: "is-danger" });
});

for (const silence of ["htmx:sendError", "htmx:timeout"])
  document.addEventListener(silence, () =>
    toast(words("noAnswer"), { detail: words("noAnswerDetail"), tone: "is-danger" }),
  );
