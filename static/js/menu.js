// <details data-menu> behaves as a menu: Escape and a click elsewhere close it.
const close = (menu) => menu.removeAttribute("open");
const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) close(menu);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    close(menu);
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  // A chosen item closes its menu, e.g. one that opens a dialog.
  const item = event.target.closest?.(".menu-item");
  if (item) item.closest("details[data-menu]")?.removeAttribute("open");
});
