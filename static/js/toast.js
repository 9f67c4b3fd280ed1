// Short messages in the page's one live region. Good news leaves by itself; trouble stays until dismissed.
const BRIEF_MS = 8000;

export const words = (name) => document.getElementById("words")?.dataset[name] ?? "";

/** Shows a message; `tone` is "", "is-ok", "is-warn" or "is-danger". */
export function toast(title, { detail = "", tone = "", brief = false } = {}) {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;
  const box = template.content.firstElementChild.cloneNode(true);
  if (tone) box.classList.add(tone);
  box.querySelector("[data-toast-title]").textContent = title;
  const line = box.querySelector("[data-toast-detail]");
  if (detail) line.textContent = detail;
  else line?.remove();
  box.toggleAttribute("data-toast-brief", brief);
  region.append(box);
}

document.addEventListener("click", (event) => {
  const close = event.target.closest?.("[data-toast-close]");
  close?.closest("[data-toast]").remove();
});

const leaveLater = (box) => {
  const leave = () => {
    // Not while somebody reads it or stands on its button.
    if (box.matches(":hover, :focus-within")) setTimeout(leave, BRIEF_MS);
    else box.remove();
  };
  setTimeout(leave, BRIEF_MS);
};

const region = document.getElementById("toasts");
if (region) {
  for (const box of region.querySelectorAll("[data-toast-brief]")) leaveLater(box);
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes]))
      if (node instanceof Element && node.matches("[data-toast-brief]")) leaveLater(node);
  }).observe(region, { childList: true });
}
