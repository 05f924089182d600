"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const root = document.documentElement;

  const theme = document.querySelector(".theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const copy = async (text, source) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
  };
  for (const block of all(".copyable")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    const source = block.querySelector("code");
    button.addEventListener("click", async () => {
      await copy(source.textContent, source);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.append(button);
  }

  const filters = (form, items, keep, noun) => {
    if (!form) return;
    const words = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));
    const output = form.querySelector("output");
    const apply = () => {
      const text = form.elements.text.value.trim().toLowerCase();
      let shown = 0;
      for (const item of items) {
        const visible = keep(form, item) && (!text || words.get(item).includes(text));
        item.toggleAttribute("data-out", !visible);
        shown += visible;
      }
      for (const heading of all(".concern", items[0].parentElement)) {
        let next = heading.nextElementSibling;
        while (next && next.hasAttribute("data-out")) next = next.nextElementSibling;
        heading.toggleAttribute("data-out", !next || next.matches(".concern"));
      }
      const label = items.length === 1 ? noun : `${noun}s`;
      output.value = shown === items.length ? `${shown} ${label}` : `${shown} of ${items.length} ${label}`;
    };
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.show = (item) => {
      if (!item.hasAttribute("data-out")) return;
      form.reset();
      apply();
    };
    apply();
  };
  const cardForm = document.querySelector('[data-for="cards"]');
  filters(cardForm, all("#cards > .card"), (form, card) => {
    const wanted = all('[name="severity"]:checked', form).map((box) => box.value);
    const family = form.elements.family.value;
    return wanted.includes(card.dataset.severity) && (!family || card.dataset.family === family);
  }, "card");
  const tableForm = document.querySelector('[data-for="tables"]');
  const table = document.getElementById("tables");
  const rows = table ? Array.from(table.tBodies[0].rows) : [];
  filters(tableForm, rows, (form, row) => {
    const wanted = form.elements.class.value;
    return (!wanted || row.dataset.class === wanted) && (!form.elements.flawed.checked || "worst" in row.dataset);
  }, "table");

  const rank = (text) => ["✗", "–", "✓"].indexOf(text[0]);
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b) => rank(a) - rank(b) || collator.compare(a, b);
  if (table) {
    Array.from(table.tHead.rows[0].cells).forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = rows.map((row) => [row.cells[column].textContent.trim(), row]);
        keyed.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        table.tBodies[0].replaceChildren(...keyed.map((pair) => pair[1]));
      });
    });
  }

  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    const card = target.closest("#cards > .card");
    const row = target.closest("#tables tbody tr");
    if (card) cardForm.show(card);
    if (row) tableForm.show(row);
    for (let up = target.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
})();
