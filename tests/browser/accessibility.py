"""What people who listen to a page, or use it by keys alone, need of it: checked in the browser."""

from __future__ import annotations

from playwright.sync_api import Page

# A name is read aloud: a symbol alone is none, and a placeholder goes away.
_FIND = r"""
() => {
  const problems = [];
  const tell = (what, element) => problems.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const isWord = (text) => /[\p{L}\p{N}]/u.test(text ?? "");
  const told = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("[aria-hidden=true]").forEach((hidden) => hidden.remove());
    return copy.textContent;
  };
  const isNamed = (element) => isWord(element.getAttribute("aria-label"))
    || (isWord(told(element)) || (!told(element).trim() && isWord(element.title)));
  const all = (selector) => [...document.querySelectorAll(selector)];

  if (!document.documentElement.lang) problems.push("the page says no language");
  if (!isWord(document.title)) problems.push("the page has no title");
  // What was said may have headings of its own.
  const headings = all("h1, h2, h3, h4, h5, h6").filter((heading) => !heading.closest(".prose"));
  const levels = headings.map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1 || levels[0] !== 1)
    problems.push(`headings do not start with one h1: ${levels}`);
  levels.forEach((level, at) => {
    if (at && level > levels[at - 1] + 1) tell("a heading skips a level", headings[at]);
  });
  for (const field of all("input:not([type=hidden]), select, textarea"))
    if (![...field.labels].some((label) => told(label).trim()) && !isWord(field.ariaLabel))
      tell("a field without a label", field);
  for (const element of all("button, summary, a[href]:not(.prose a, .chip)"))
    if (!isNamed(element)) tell("nothing says what this does", element);
  for (const group of all("fieldset"))
    if (!isWord(group.querySelector(":scope > legend")?.textContent)) tell("no legend", group);
  for (const picture of all("svg"))
    if (!picture.closest("[aria-hidden=true]") && !isWord(picture.ariaLabel))
      tell("a picture without a name", picture);
  for (const picture of all("img:not([alt])")) tell("a picture without a text", picture);
  for (const header of all("th:not(.prose th)"))
    if (!isWord(told(header))) tell("an empty header", header);
  for (const element of all("a[role], button[role]")) tell("a role hides what this is", element);
  const ids = all("[id]").map((element) => element.id);
  const twice = [...new Set(ids.filter((id, at) => ids.indexOf(id) !== at))];
  if (twice.length) problems.push(`ids that are there twice: ${twice}`);
  if (all("main").length !== 1) problems.push("there is not one main");
  return problems;
}
"""
_FOCUS = """
() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const isSeen = element.getClientRects().length > 0
    && (style.outlineStyle !== "none" || element.matches(".turn"));
  return [element.matches("body") ? "" : element.outerHTML.slice(0, 160), isSeen];
}
"""
# WCAG's contrast of text, on what is opaque behind it.
_CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return read(getComputedStyle(document.body).backgroundColor);
  };
  const weak = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
    if (!texts.some((text) => text.data.trim()) || element.disabled) continue;
    if (!element.checkVisibility({ opacityProperty: true })) continue;
    const [a, b] = [read(getComputedStyle(element).color), behind(element)].map(light);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${element.tagName} .${element.className}`;
    if (contrast < 4.5) weak.add(`${name}: ${contrast.toFixed(2)}`);
  }
  return [...weak];
}
"""


def problems(page: Page) -> list[str]:
    """Return what is wrong with names, labels, headings and pictures on a page."""
    found: list[str] = page.evaluate(_FIND)
    return found


def weak_texts(page: Page) -> list[str]:
    """Return which texts have less contrast than 4.5 to 1."""
    found: list[str] = page.evaluate(_CONTRAST)
    return found


def tabbed(page: Page, count: int) -> list[tuple[str, bool]]:
    """Press Tab so often; return what had the focus each time, and whether that could be seen."""
    found = []
    for _ in range(count):
        page.keyboard.press("Tab")
        element, is_seen = page.evaluate(_FOCUS)
        found.append((element, is_seen))
    return found
