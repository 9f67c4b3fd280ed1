// Native dialogs: data-dialog-open="id" opens, data-dialog-close closes, a click beside the box closes too.
// A <dialog data-dialog-now> that a fragment brings opens by itself.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();
  if (event.target.closest?.("[data-dialog-close]")) event.target.closest("dialog")?.close();
});

// Only where press and release both fall on the backdrop: a selection dragged out of the box is no click.
let pressed = null;
document.addEventListener("pointerdown", (event) => {
  pressed = event.target;
});
document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement && pressed === event.target) event.target.close();
});

document.addEventListener("htmx:load", (event) => {
  const box = event.target.matches?.("dialog[data-dialog-now]")
    ? event.target
    : event.target.querySelector?.("dialog[data-dialog-now]");
  if (box && !box.open) box.showModal();
});
