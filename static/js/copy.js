// Buttons that copy a key or a snippet: data-copy="text" or data-copy-from="id of an element".
import { toast, words } from "./toast.js";

const DONE_MS = 1500;

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-from]");
  if (!button) return;
  const { copy, copyFrom } = button.dataset;
  const text = copyFrom ? (document.getElementById(copyFrom)?.textContent ?? "") : copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https (and not on this machine) browsers offer no clipboard.
    toast(words("notCopied"), { tone: "is-warn" });
    return;
  }
  button.classList.add("is-copied");
  const name = button.getAttribute("aria-label");
  button.setAttribute("aria-label", words("copied"));
  setTimeout(() => {
    button.classList.remove("is-copied");
    button.setAttribute("aria-label", name);
  }, DONE_MS);
});
