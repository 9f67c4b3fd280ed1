// A number, a range and step buttons that show one value. The number is the form's field; the others follow it.
const sync = (slider, value) => {
  slider.querySelector("[data-slider-range]").value = value;
  for (const button of slider.querySelectorAll("[data-slider-set]"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.sliderSet) === Number(value)));
};

const choose = (slider, value) => {
  const number = slider.querySelector("[data-slider-number]");
  if (number.value === value) return;
  number.value = value;
  // Others (a preview, htmx) listen to the field, not to the slider.
  number.dispatchEvent(new Event("input", { bubbles: true }));
};

export function settle(root) {
  for (const slider of root.querySelectorAll("[data-slider]"))
    sync(slider, slider.querySelector("[data-slider-number]").value);
}

document.addEventListener("input", (event) => {
  const slider = event.target.closest?.("[data-slider]");
  if (!slider) return;
  if (event.target.matches("[data-slider-range]")) choose(slider, event.target.value);
  if (event.target.matches("[data-slider-number]")) sync(slider, event.target.value);
});

const tellChange = (slider) =>
  slider.querySelector("[data-slider-number]").dispatchEvent(new Event("change", { bubbles: true }));

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-slider-range]")) tellChange(event.target.closest("[data-slider]"));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-slider-set]");
  if (!button) return;
  const slider = button.closest("[data-slider]");
  choose(slider, button.dataset.sliderSet);
  tellChange(slider);
});
