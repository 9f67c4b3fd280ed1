// A button that saves the text of an element as a file: data-download-from (an id), data-download-name.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-download-from]");
  if (!button) return;
  const { downloadFrom, downloadName } = button.dataset;
  const file = new Blob([document.getElementById(downloadFrom).textContent], { type: "text/plain" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = downloadName;
  link.click();
  URL.revokeObjectURL(link.href);
});
