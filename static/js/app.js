// The one module every page loads. Everything listens on the document, so fragments need no set-up;
// what has to look at new elements is called again when htmx has swapped something in.
import "./copy.js";
import "./dialog.js";
import "./live.js";
import "./menu.js";
import "./requests.js";
import "./shortcuts.js";
import "./toast.js";
import { settle as settleSliders } from "./slider.js";
import { settle as settleZones } from "./zones.js";

const settle = (root) => {
  settleSliders(root);
  settleZones(root);
  // Charts are rare and their library is the heaviest file: fetched only where one stands.
  if (root.querySelector("[data-chart]")) import("./charts.js").then(({ draw }) => draw(root));
};

settle(document);
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) settle(event.target);
});
