// The queue as a grid: moving and selecting by keyboard and mouse.
"use strict";

(() => {
  const tiles = [...document.querySelectorAll("#tiles .tile")];
  const form = document.querySelector("#bulk");
  const chosen = new Set();
  let anchor = 0;

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
    for (const tile of tiles) {
      tile.classList.toggle("chosen", chosen.has(tile.dataset.case));
      tile.querySelector("input").checked = chosen.has(tile.dataset.case);
    }
  };

  const select = (place, range) => {
    const on = range ? true : !chosen.has(tiles[place].dataset.case);
    const [from, to] = range ? [Math.min(anchor, place), Math.max(anchor, place)] : [place, place];
    for (let each = from; each <= to; each += 1) chosen[on ? "add" : "delete"](tiles[each].dataset.case);
    anchor = place;
    tell();
  };

  const go = (place) => {
    const to = Math.max(0, Math.min(tiles.length - 1, place));
    tiles.forEach((tile, each) => { tile.querySelector("a").tabIndex = each === to ? 0 : -1; });
    tiles[to]?.querySelector("a").focus();
  };

  const columns = () => {
    const top = tiles[0]?.offsetTop;
    const next = tiles.findIndex((tile) => tile.offsetTop !== top);
    return next < 0 ? tiles.length : next;
  };

  tiles.forEach((tile, place) => {
    tile.querySelector("input")?.addEventListener("click", (event) => select(place, event.shiftKey));
    tile.querySelector("a").addEventListener("click", (event) => {
      if (event.shiftKey || event.ctrlKey) { event.preventDefault(); select(place, event.shiftKey); }
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea, dialog")) return;
    const place = tiles.findIndex((tile) => tile.contains(document.activeElement));
    const key = event.key;
    if (key === "Enter" && document.activeElement === document.body) { event.preventDefault(); document.querySelector("#review")?.click(); return; }
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() };
    if (key in moves && (place >= 0 || document.activeElement === document.body)) {
      event.preventDefault();
      go(place < 0 ? 0 : place + moves[key]);
      if (event.shiftKey && place >= 0) select(Math.max(0, Math.min(tiles.length - 1, place + moves[key])), true);
    } else if ((key === " " || key.toLowerCase() === "x") && place >= 0) {
      event.preventDefault();
      select(place, event.shiftKey);
    } else if (key.toLowerCase() === "c" && chosen.size) {
      document.querySelector("#compare").click();
    } else if (key === "Escape" && chosen.size) {
      chosen.clear();
      tell();
    }
  });
  addEventListener("pageshow", tell);
})();
