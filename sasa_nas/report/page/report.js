"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const toast = document.getElementById("toast");

  const element = (name, className, content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  };

  // what a network is, beside whatever was pointed at
  const fillTip = (number) => {
    const trial = data.trials[number];
    tip.replaceChildren(element("b", "", `Trial ${number}`), ` ${trial.outcome}`);
    tip.append(element("br"), [trial.accuracy, trial.cost].filter(Boolean).join(" at "));
    if (trial.expected) tip.append(element("br"), trial.expected);
    if (trial.stages) {
      const row = element("div", "minis");
      row.append(element("span", "mini stem", trial.stem));
      for (const [kind, label, blocks, width] of trial.stages)
        row.append(element("span", `mini op-${kind}`, `${label} ${blocks}x${width}`));
      tip.append(row);
    }
    if (trial.reason) tip.append(element("div", "note", trial.reason));
    if (trial.command) tip.append(element("code", "", trial.command));
  };
  const showTip = (number, box) => {
    if (!data.trials[number]) return;
    fillTip(number);
    tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 12), document.documentElement.clientWidth - width - 12);
    const above = box.top - height - 12;
    tip.style.left = `${Math.max(left, 8) + window.scrollX}px`;
    tip.style.top = `${(above > 4 ? above : box.bottom + 12) + window.scrollY}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  const owner = (event) => event.target.closest?.("[data-trial]");

  const isChart = (node) => node && node.closest("svg");
  document.addEventListener("pointerover", (event) => {
    const node = owner(event);
    if (!isChart(node)) return hideTip();
    const point = { left: event.clientX, top: event.clientY - 4, width: 0, bottom: event.clientY + 8 };
    showTip(node.dataset.trial, node.querySelector(".curve") || node.matches(".row") ? point : node.getBoundingClientRect());
  });
  document.addEventListener("focusin", (event) => {
    const node = owner(event);
    if (isChart(node)) showTip(node.dataset.trial, node.getBoundingClientRect());
    else hideTip();
  });
  document.addEventListener("focusout", hideTip);

  // a network's command on the clipboard
  let fading;
  const say = (message) => {
    toast.textContent = message;
    clearTimeout(fading);
    fading = setTimeout(() => { toast.textContent = ""; }, 4000);
  };
  const copyBySelection = (words) => {
    const field = element("textarea", "", words);
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { done = false; }
    field.remove();
    before?.focus?.({ preventScroll: true });
    return done;
  };
  const copy = async (words) => {
    let done = false;
    try { await navigator.clipboard.writeText(words); done = true; } catch { done = copyBySelection(words); }
    say(done ? `Copied: ${words}` : `Copy this: ${words}`);
  };
  const take = (node) => {
    const words = node.dataset.copy ?? data.trials[node.dataset.trial]?.command;
    if (words) copy(words);
    else say("This network was not trained to the end: there is nothing to take.");
  };
  document.addEventListener("click", (event) => {
    const node = event.target.closest?.("[data-copy], [data-trial]");
    if (node && (isChart(node) || node.matches("button"))) take(node);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
    const node = owner(event);
    if (isChart(node) && node.matches("[role=button]") && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      take(node);
    }
  });

  // the table of trials
  const table = document.getElementById("trials");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    // thousands of rows would take seconds to lay out
    let limit = 400;
    let words;
    const count = document.getElementById("count");
    const filter = document.getElementById("filter");
    const more = document.getElementById("more");
    const buttons = () => [...body.querySelectorAll("tr:not([hidden]) .copy")];
    // one stop of the tab key for the whole column; the arrow keys move inside it
    const settle = () => buttons().forEach((button, i) => { button.tabIndex = i === 0 ? 0 : -1; });
    const narrow = () => {
      const parts = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (parts.length) words ??= new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
      let found = 0;
      // in the order in which they stand
      for (const row of body.rows) {
        const matches = parts.every((part) => words.get(row).includes(part));
        found += matches;
        row.hidden = !matches || found > limit;
      }
      const shown = Math.min(found, limit);
      count.textContent = shown < found ? `first ${shown} of ${found} trials` : `${found} of ${rows.length} trials`;
      more.hidden = shown === found;
      settle();
    };
    more.addEventListener("click", () => {
      limit = Infinity;
      narrow();
    });
    filter.addEventListener("input", narrow);
    const value = (row, column) => {
      const cell = row.cells[column];
      return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value === "" ? null : Number(cell.dataset.value);
    };
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !("down" in head.dataset));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const sign = ascending ? 1 : -1;
      const keyed = [...body.rows].map((row) => [value(row, column), row]);
      keyed.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
      });
      // a spread would be too many arguments
      const sorted = document.createDocumentFragment();
      keyed.forEach(([, row]) => sorted.append(row));
      body.append(sorted);
      narrow();
    }));
    body.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const all = buttons();
      const place = all.indexOf(document.activeElement);
      if (!step || place < 0) return;
      event.preventDefault();
      const next = all[Math.min(Math.max(place + step, 0), all.length - 1)];
      all[place].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    narrow();
  }

  // one of several drawings
  document.querySelectorAll("fieldset.switch").forEach((group) => {
    const show = () => group.querySelectorAll("input").forEach((input) => {
      document.getElementById(input.value).hidden = !input.checked;
    });
    group.hidden = false;
    group.addEventListener("change", show);
    show();
  });
})();
