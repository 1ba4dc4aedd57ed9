// A box that scrolls can be reached and scrolled with the keyboard, and only then is a stop of the
// tab key: long formulas and wide tables on a phone.
const SCROLLING = "div.math, .pst-scrollable-table-container, .bd-article pre";

function reachable(box) {
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  if (scrolls) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}

window.addEventListener("DOMContentLoaded", () => {
  // A box grows when a formula is set in it, and with the window.
  const watcher = new ResizeObserver((changes) => changes.forEach((one) => reachable(one.target)));
  document.querySelectorAll(SCROLLING).forEach((box) => watcher.observe(box));
});
