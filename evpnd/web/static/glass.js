// Looks again every few seconds, and listens to keys. Without it all pages work, too.
"use strict";

const root = document.documentElement;
let timer = 0;
let asking = null;

// What changed is changed in place: focus, selection and scrolling stay.
async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const patience = setTimeout(() => mine.abort(), 60000);
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch(location.href, { signal: mine.signal });
    if (!(answer.headers.get("Content-Type") ?? "").startsWith("text/html")) {
      throw new Error("no page");
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const come = page.getElementById("main");
    if (!come) throw new Error("no page");
    Idiomorph.morph(document.getElementById("main"), come, { ignoreActiveValue: true });
    document.title = page.title;
    for (const selector of ["#icon", ".dot"]) {
      const mine = document.querySelector(selector);
      const theirs = page.querySelector(selector);
      for (const name of ["href", "class"]) {
        const value = theirs.getAttribute(name);
        if (value !== null && mine.getAttribute(name) !== value) {
          mine.setAttribute(name, value);
        }
      }
    }
    lost.hidden = true;
  } catch {
    if (mine !== asking) return; // a later look goes on
    lost.hidden = false;
  } finally {
    clearTimeout(patience);
  }
  timer = setTimeout(look, Number(root.dataset.refresh) * 1000);
}

function theme() {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // It holds for this page alone.
  }
}

function step(by) {
  const rows = [...document.querySelectorAll("#main a.row")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

const keys = {
  "/": () => document.getElementById("q").select(),
  j: () => step(1),
  k: () => step(-1),
  n: () => document.getElementById("after")?.click(),
  p: () => document.getElementById("before")?.click(),
  u: () => history.back(),
  t: theme,
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof HTMLInputElement) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.getElementById("keys").open) return;
  const page = document.querySelectorAll("header nav a")[Number(event.key) - 1];
  const act = page ? () => page.click() : keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("#theme")) theme();
  if (event.target.closest("#help")) keys["?"]();
});

// The same VNI at other VTEPs.
document.addEventListener("pointerover", (event) => {
  const vni = event.target.closest?.("[data-vni]")?.dataset.vni;
  for (const chip of document.querySelectorAll("[data-vni]")) {
    chip.classList.toggle("same", chip.dataset.vni === vni);
  }
});

document.addEventListener("visibilitychange", look);
timer = setTimeout(look, Number(root.dataset.refresh) * 1000);
