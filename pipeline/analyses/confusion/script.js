"use strict";
// A click on a cell of a confusion matrix shows images behind it.
(() => {
  const stored = document.getElementById("behind-cells");
  const behind = stored ? JSON.parse(stored.textContent) : null;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cell]");
    if (!button || !behind) return;
    const run = button.closest("[data-matrix]").dataset.matrix;
    const place = [...document.querySelectorAll("[data-behind]")].find((each) => each.dataset.behind === run);
    const pressed = button.getAttribute("aria-pressed") === "true";
    button.closest("table").querySelectorAll("[data-cell][aria-pressed]").forEach((each) =>
      each.removeAttribute("aria-pressed"));
    place.replaceChildren();
    if (pressed) return;
    button.setAttribute("aria-pressed", "true");
    const [actual, predicted] = button.dataset.cell.split("-").map((n) => behind.names[Number(n)]);
    const numbers = behind.cells[run][button.dataset.cell];
    const text = document.createElement("p");
    text.textContent = `${run}: class ${actual}, classified as ${predicted}; ` +
      `${numbers.length} of ${button.textContent}`;
    place.append(text, ...numbers.map((number) => {
      const image = new Image();
      image.src = behind.images[number];
      image.alt = `Test image of class ${actual}, classified as ${predicted}`;
      return image;
    }));
  });
})();
