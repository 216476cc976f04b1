// The queue as a grid: moving and selecting by keyboard and mouse; stacks of near-duplicates, opened and closed. A
// closed stack is selected as a whole; in an open one each cover by itself.
"use strict";

(() => {
  const list = document.querySelector("#tiles");
  const form = document.querySelector("#bulk");
  const chosen = new Set();
  let anchor = 0;

  const tiles = () => [...document.querySelectorAll("#tiles .tile")];
  const opened = (tile) => tile.classList.contains("open");
  const cases = (tile) => (tile.dataset.stack && !opened(tile) ? tile.dataset.stack.split(",") : [tile.dataset.case]);

  const tell = () => {
    if (form) {
      form.elements.ids.value = [...chosen].join(",");
      document.querySelector("#chosen").textContent = chosen.size ? `${chosen.size} selected` : "whole filter";
    }
    const compare = document.querySelector("#compare");
    if (compare) {
      compare.hidden = !chosen.size;
      compare.href = `/compare?ids=${[...chosen].slice(0, 60).join(",")}`;
    }
    for (const tile of tiles()) {
      const number = cases(tile).filter((each) => chosen.has(each)).length;
      const box = tile.querySelector("input");
      tile.classList.toggle("chosen", number > 0);
      box.checked = number === cases(tile).length;
      box.indeterminate = number > 0 && !box.checked;
    }
  };

  const select = (place, range) => {
    const all = tiles();
    const on = range || !cases(all[place]).every((each) => chosen.has(each));
    const [from, to] = range ? [Math.min(anchor, place), Math.max(anchor, place)] : [place, place];
    for (const tile of all.slice(from, to + 1)) for (const each of cases(tile)) chosen[on ? "add" : "delete"](each);
    anchor = place;
    tell();
  };

  const go = (place) => {
    const all = tiles();
    const to = Math.max(0, Math.min(all.length - 1, place));
    all.forEach((tile, each) => { tile.querySelector("a").tabIndex = each === to ? 0 : -1; });
    all[to]?.querySelector("a").focus();
  };

  const columns = () => {
    const all = tiles();
    const next = all.findIndex((tile) => tile.offsetTop > all[0].offsetTop + 8);
    return next < 0 ? all.length : next;
  };

  // An open stack has a tile for each of its covers, behind the first.
  const turn = async (tile) => {
    const button = tile?.querySelector(".open-stack");
    if (!button) return;
    const ids = tile.dataset.stack.split(",");
    if (opened(tile)) {
      for (const each of tiles()) if (each.classList.contains("in-stack") && ids.includes(each.dataset.case)) each.remove();
      tile.classList.remove("open");
    } else {
      try {
        const found = await ask(`/api/stack?ids=${ids.slice(1, 201).join(",")}`);
        if (opened(tile)) return;
        tile.insertAdjacentHTML("afterend", found);
        for (const each of tiles()) if (each.classList.contains("in-stack")) localise(each);
        tile.classList.add("open");
      } catch (error) { say(error.message, { bad: true }); return; }
    }
    button.setAttribute("aria-expanded", String(opened(tile)));
    anchor = tiles().indexOf(tile);
    tell();
  };

  const placeOf = (tile) => tiles().indexOf(tile);

  list?.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    if (event.target.closest(".open-stack")) turn(tile);
    else if (event.target.matches("input")) select(placeOf(tile), event.shiftKey);
    else if (event.target.closest("a") && (event.shiftKey || event.ctrlKey)) { event.preventDefault(); select(placeOf(tile), event.shiftKey); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
    const all = tiles();
    const place = all.findIndex((tile) => tile.contains(document.activeElement));
    const key = event.key;
    if (key === "Enter" && document.activeElement === document.body) { event.preventDefault(); document.querySelector("#review")?.click(); return; }
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() };
    if (key in moves && (place >= 0 || document.activeElement === document.body)) {
      event.preventDefault();
      go(place < 0 ? 0 : place + moves[key]);
      if (event.shiftKey && place >= 0) select(Math.max(0, Math.min(all.length - 1, place + moves[key])), true);
    } else if ((key === " " || key.toLowerCase() === "x") && place >= 0) {
      if (document.activeElement.matches("button")) return;
      event.preventDefault();
      select(place, event.shiftKey);
    } else if (key.toLowerCase() === "o" && place >= 0) {
      turn(all[place]);
    } else if (key.toLowerCase() === "c" && chosen.size) {
      document.querySelector("#compare").click();
    } else if (key === "Escape" && chosen.size) {
      chosen.clear();
      tell();
    }
  });
  addEventListener("pageshow", tell);
})();
