// Keyboard for those who review many; every page works without it.
"use strict";

const links = [...document.querySelectorAll(".queue .cover")];

const go = (step) => {
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
  links[next]?.focus();
};

const focus = (id) => {
  const target = document.getElementById(id);
  target?.scrollIntoView({ block: "center" });
  target?.focus({ preventScroll: true });
};

const keys = {
  j: () => go(1),
  k: () => go(-1),
  r: () => focus("release"),
  t: () => focus("return"),
  n: () => focus("note"),
  e: () => focus("escalate"),
  v: () => focus("values"),
  u: () => document.querySelector(".brand")?.click(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const wanted = keys[event.key];
  if (!wanted || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  wanted();
});
