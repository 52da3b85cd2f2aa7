"use strict";
// Shows times as the reader's clock has them, and refreshes the page, if wanted, without losing the reader's place.
(() => {
  const KEY = "rerunner-refresh";
  const EVERY = 15000;
  // Swedish is written as the page itself writes times: 2026-11-23 15:04:05 UTC.
  const say = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });

  function local(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const text = say.format(date);
      // What is said exactly keeps the time in UTC at hand; what is said as "3 min ago" has both.
      if (time.classList.contains("exact")) time.textContent = text;
      else if (text !== time.title) time.title = `${text} · ${time.title}`;
    }
  }

  const isTouched = (field) =>
    (field.value !== field.defaultValue && field.type !== "checkbox" && field.type !== "radio" && field.options === undefined) ||
    (field.checked !== undefined && field.checked !== field.defaultChecked) ||
    [...(field.options ?? [])].some((option) => option.selected !== option.defaultSelected);
  // Buttons have a value and no default of it.
  const fields = (form) => [...form.elements].filter((field) => ["INPUT", "SELECT", "TEXTAREA"].includes(field.tagName));

  /** The elements of a kind, each by what tells it from the others. */
  function named(root, selector, name) {
    const all = new Map();
    for (const element of root.querySelectorAll(selector)) {
      let key = name(element);
      while (all.has(key)) key += "+";
      all.set(key, element);
    }
    return all;
  }

  const KEPT = {
    form: (form) => `${form.method} ${form.getAttribute("action")} ${fields(form).map((field) => field.name)}`,
    details: (details) => details.querySelector("summary")?.textContent ?? "",
    ".scroll": (region) => region.getAttribute("aria-label") ?? "",
    // Of a row its first cell: the others can change.
    "h1, h2, h3, tbody tr": (part) => (part.querySelector("th") ?? part).textContent,
    "a, button, summary": (part) => `${part.tagName} ${part.getAttribute("href")} ${part.textContent}`,
  };
  const kept = (root, selector) => named(root, selector, KEPT[selector]);

  /** Takes over what a newer page shows. */
  function take(next) {
    const [main, fresh] = [document.querySelector("main"), next.querySelector("main")];
    local(next);
    const active = document.activeElement;
    // What the reader sees first, and where.
    const parts = [...kept(main, "h1, h2, h3, tbody tr")];
    const [first, part] = parts.find(([, part]) => part.getBoundingClientRect().top >= 0) ?? [];
    const top = part?.getBoundingClientRect().top;
    const scrolls = [...kept(main, ".scroll")].map(([key, region]) => [key, region.scrollLeft]);
    const [focus] = [...kept(main, "a, button, summary")].find(([, element]) => element === active) ?? [];

    const details = kept(fresh, "details");
    for (const [key, { open }] of kept(main, "details")) if (details.has(key)) details.get(key).open = open;
    const forms = kept(fresh, "form");
    for (const [key, form] of kept(main, "form")) {
      const isInUse = fields(form).some((field) => field === active || isTouched(field));
      if (isInUse && forms.has(key)) forms.get(key).replaceWith(form);
    }
    const selection = active?.selectionStart === undefined ? undefined : [active.selectionStart, active.selectionEnd];
    main.replaceChildren(...fresh.childNodes);

    for (const [key, left] of scrolls) {
      const region = kept(main, ".scroll").get(key);
      if (region) region.scrollLeft = left;
    }
    if (active !== document.activeElement) {
      (main.contains(active) ? active : kept(main, "a, button, summary").get(focus))?.focus({ preventScroll: true });
      if (selection && selection[0] !== null && main.contains(active)) active.setSelectionRange(...selection);
    }
    const moved = kept(main, "h1, h2, h3, tbody tr").get(first)?.getBoundingClientRect().top - top;
    if (moved) window.scrollBy(0, moved);
    const at = next.querySelector("footer time");
    if (at) document.querySelector("footer time").replaceWith(at);
  }

  async function refresh(told) {
    const hasSelection = window.getSelection()?.isCollapsed === false;
    if (document.hidden || hasSelection) return;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (!response.ok) throw new Error(`the answer was ${response.status}`);
      take(new DOMParser().parseFromString(await response.text(), "text/html"));
      told.textContent = "";
    } catch (error) {
      told.textContent = ` Refresh failed: ${error.message}.`;
    }
  }

  local(document);
  const place = document.querySelector("footer .reload");
  if (!place) return;
  const box = Object.assign(document.createElement("input"), { type: "checkbox", id: "refresh" });
  const label = Object.assign(document.createElement("label"), { htmlFor: "refresh", textContent: ` Refresh every ${EVERY / 1000} s` });
  const told = Object.assign(document.createElement("span"), { role: "status" });
  label.prepend(box);
  place.after(" · ", label, told);
  let timer;
  const follow = () => {
    clearInterval(timer);
    if (box.checked) timer = setInterval(refresh, EVERY, told);
  };
  // Storage may be switched off.
  try { box.checked = localStorage.getItem(KEY) === "on"; } catch {}
  box.addEventListener("change", () => {
    try { localStorage.setItem(KEY, box.checked ? "on" : "off"); } catch {}
    follow();
    if (box.checked) refresh(told);
  });
  document.addEventListener("visibilitychange", () => { if (box.checked) refresh(told); });
  follow();
})();
