// What scripts add to pages that work without them: keys, copying, the theme, submitting by choice.
"use strict";

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page alone */ }
}

// Moves to the next or previous of some elements: from the one that has the focus if it is in view,
// else from where the page is scrolled to. What is folded away is where its fold is.
function step(selector, by) {
  const places = all(selector);
  const tops = places.map((place) => (place.checkVisibility() ? place : place.closest("details")).getBoundingClientRect().top);
  const current = places.indexOf(document.activeElement.closest(selector));
  const isInView = current >= 0 && tops[current] > 0 && tops[current] < innerHeight;
  const index = isInView ? current + by
    : by > 0 ? tops.findIndex((top) => top > 0) : tops.findLastIndex((top) => top < 0);
  if (places[index]) show(places[index]);
}

function show(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  element.scrollIntoView();
  (element.matches("a, [tabindex]") ? element : element.querySelector("a")).focus({ preventScroll: true });
}

const keys = {
  j: () => step(".turn, table.sessions tbody tr", 1),
  k: () => step(".turn, table.sessions tbody tr", -1),
  n: () => step(".row.error", 1),
  p: () => step(".row.error", -1),
  b: () => one("#bookmark")?.click(),
  t: toggleTheme,
  "/": () => one("#search")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = keys[event.key];
  if (action) { event.preventDefault(); action(); }
});

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = "✓"; });
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  const row = event.target.closest("a.row");
  if (row) for (const other of row.parentElement.children) other.classList.toggle("current", other === row);
  if (event.target.closest("[data-next-error]")) {
    const failed = one(".row.error");
    if (failed) { event.preventDefault(); show(failed); }
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.submit();
});

function prepare() {
  for (const element of all("[data-copy], [data-theme-toggle]")) element.hidden = false;
  if (matchMedia("(min-width: 1000px)").matches) {
    for (const fold of all("[data-wide-open]")) fold.open = true;
  }
  highlight(one("#search[name=q]")?.value.toLowerCase());
}

// Marks what was searched for, without touching what is shown.
function highlight(wanted) {
  if (!wanted || !window.Highlight) return;
  const ranges = [];
  const walker = document.createTreeWalker(one("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0 && ranges.length < 2000; at = text.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
prepare();
document.addEventListener("htmx:afterSettle", prepare);
// A link to a span in a folded tree opens it.
const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (target?.closest("details")) show(target);
