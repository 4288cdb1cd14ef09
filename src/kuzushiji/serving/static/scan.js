// The scan in OpenSeadragon, with a box over each character; the box of the chosen one can be dragged and drawn anew.

import { make } from "./api.js";
import { doubt } from "./doubt.js";

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 4;
export const boxOf = polygon => {
  const [xs, ys] = [polygon.map(each => each[0]), polygon.map(each => each[1])];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
};

export function showScan(place, url, { width, height }, { choose, move, drawn: added }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const viewer = OpenSeadragon({
    element: place, tileSources: { type: "image", url }, showNavigationControl: false, drawer: "canvas",
    animationTime: still ? 0 : 0.6, maxZoomPixelRatio: 6, visibilityRatio: 0.6, gestureSettingsMouse: { clickToZoom: false },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true }, keyboardNavEnabled: false,
  });
  // The viewer is no stop for the Tab key: the text has a stop for each character of the scan.
  viewer.canvas.tabIndex = -1;
  const layer = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const grips = svg("path", { class: "grips" });
  const fresh = svg("rect", { class: "fresh" });
  const rects = new Map();
  let boxes = [], chosen, pointed, drag, drawing = false;
  const image = make("img", { src: url });
  const opened = new Promise(resolve => viewer.addOnceHandler("open", () => {
    viewer.addOverlay(layer, new OpenSeadragon.Rect(0, 0, 1, height / width));
    resolve();
  }));

  const onImage = position => {
    const point = viewer.viewport.viewerElementToViewportCoordinates(position);
    return [point.x * width, point.y * width];
  };
  const at = id => boxes.find(each => each.id === id)?.at;
  const holds = (box, x, y, more = 0) =>
    x >= box.x - more && x <= box.x + box.width + more && y >= box.y - more && y <= box.y + box.height + more;
  const under = position => {
    const [x, y] = onImage(position);
    const hit = boxes.filter(each => holds(each.at, x, y));
    return hit.sort((one, other) => one.at.width * one.at.height - other.at.width * other.at.height)[0]?.id;
  };
  const mark = (id, name, on) => rects.get(id)?.classList.toggle(name, on);
  const point = id => { mark(pointed, "pointed", false); pointed = id; mark(id, "pointed", true); };

  function put(rect, box) {
    for (const [name, value] of Object.entries(box)) rect.setAttribute(name, value);
  }

  function showGrips() {
    const box = at(chosen);
    const shown = box && viewer.viewport && box.width * viewer.viewport.getZoom(true) * place.clientWidth / width > 26;
    const corners = shown ? [[0, 0], [1, 0], [0, 1], [1, 1]].map(([a, b]) => [box.x + a * box.width, box.y + b * box.height]) : [];
    grips.setAttribute("d", corners.map(([x, y]) => `M${x},${y}h.01`).join(""));
  }

  // Which part of the chosen box a pointer takes: letters of the sides, "move", or nothing.
  function grip(position, wide) {
    const box = at(chosen);
    if (!box) return "";
    const [x, y] = onImage(position);
    const [far] = onImage(position.plus(new OpenSeadragon.Point(wide, 0)));
    const reach = Math.min(Math.abs(far - x), box.width / 3, box.height / 3);
    if (!holds(box, x, y, reach)) return "";
    const sides = [[y - box.y, "n"], [box.y + box.height - y, "s"], [x - box.x, "w"], [box.x + box.width - x, "e"]];
    return sides.filter(([distance]) => Math.abs(distance) <= reach).map(([, side]) => side).join("") || "move";
  }

  function dragged([x, y]) {
    if (drag.kind === "draw") {
      const [left, top] = [Math.min(x, drag.from[0]), Math.min(y, drag.from[1])];
      return { x: left, y: top, width: Math.abs(x - drag.from[0]), height: Math.abs(y - drag.from[1]) };
    }
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    let { x: left, y: top, width: w, height: h } = drag.was;
    if (drag.kind === "move") return { x: left + dx, y: top + dy, width: w, height: h };
    if (drag.kind.includes("w")) { left += Math.min(dx, w - LEAST); w -= Math.min(dx, w - LEAST); }
    if (drag.kind.includes("n")) { top += Math.min(dy, h - LEAST); h -= Math.min(dy, h - LEAST); }
    if (drag.kind.includes("e")) w = Math.max(LEAST, w + dx);
    if (drag.kind.includes("s")) h = Math.max(LEAST, h + dy);
    return { x: left, y: top, width: w, height: h };
  }

  function moveTo(box) {
    const there = boxes.find(each => each.id === chosen);
    if (!there) return;
    there.at = box;
    put(rects.get(chosen), box);
    showGrips();
  }

  viewer.addHandler("zoom", showGrips);
  viewer.addHandler("animation-finish", showGrips);
  viewer.addHandler("canvas-press", event => {
    const from = onImage(event.position);
    const kind = drawing ? "draw" : grip(event.position, event.pointerType === "touch" ? 18 : 9);
    drag = kind ? { kind, from, was: { ...at(chosen) } } : undefined;
  });
  viewer.addHandler("canvas-drag", event => {
    if (!drag) return;
    event.preventDefaultAction = true;
    drag.now = dragged(onImage(event.position));
    if (drag.kind === "draw") put(fresh, drag.now); else moveTo(drag.now);
  });
  viewer.addHandler("canvas-drag-end", event => {
    if (!drag) return;
    event.preventDefaultAction = true;
    const { kind, now } = drag;
    drag = undefined;
    if (!now) return;
    put(fresh, { x: 0, y: 0, width: 0, height: 0 });
    if (kind !== "draw") move(chosen, now);
    else if (now.width > LEAST && now.height > LEAST) { draw(false); added(now); }
  });
  viewer.addHandler("canvas-click", event => {
    const id = event.quick && !drawing && under(event.position);
    if (id) choose(id);
  });
  viewer.innerTracker.moveHandler = event => {
    place.classList.toggle("grab", !drawing && Boolean(grip(event.position, 9)));
    const id = under(event.position);
    if (id === pointed) return;
    document.getElementById(`c-${pointed}`)?.classList.remove("pointed");
    document.getElementById(`c-${id}`)?.classList.add("pointed");
    point(id);
  };

  function draw(on) {
    drawing = on;
    place.classList.toggle("drawing", on);
  }

  return {
    opened, point, moveTo, at, startDrawing: () => draw(!drawing), stopDrawing: () => draw(false),
    draw(characters) {
      rects.clear();
      boxes = characters.map(each => ({ id: each.id, at: boxOf(each.polygon) }));
      layer.replaceChildren(...characters.map((each, number) => {
        const rect = svg("rect", { ...boxes[number].at, class: `d${doubt(each)}` });
        rects.set(each.id, rect);
        return rect;
      }), grips, fresh);
      mark(chosen, "chosen", true);
      showGrips();
    },
    async choose(id, follow) {
      mark(chosen, "chosen", false);
      chosen = id;
      mark(id, "chosen", true);
      showGrips();
      await opened;
      const box = at(id);
      if (!follow || !box) return;
      const [x, y, w, h] = [box.x, box.y, box.width, box.height].map(each => each / width);
      const seen = viewer.viewport.getBounds();
      const centre = new OpenSeadragon.Point(x + w / 2, y + h / 2);
      const [mx, my] = [seen.width * 0.1, seen.height * 0.1];
      const inside = x > seen.x + mx && x + w < seen.x + seen.width - mx && y > seen.y + my && y + h < seen.y + seen.height - my;
      const home = viewer.viewport.getHomeZoom();
      if (w * 14 < seen.width && viewer.viewport.getZoom() <= home * 1.05) viewer.viewport.zoomTo(home * 2.2, centre);
      if (!inside) viewer.viewport.panTo(centre);
    },
    picture(character, side = 160) {
      const box = boxOf(character.polygon);
      const wide = Math.max(box.width, box.height) * 1.35;
      const canvas = make("canvas", { width: side, height: side, ariaHidden: "true" });
      const paint = () => {
        const scale = image.naturalWidth / width;
        const [x, y] = [box.x + box.width / 2 - wide / 2, box.y + box.height / 2 - wide / 2];
        canvas.getContext("2d").drawImage(image, x * scale, y * scale, wide * scale, wide * scale, 0, 0, side, side);
      };
      if (image.complete && image.naturalWidth) paint(); else image.addEventListener("load", paint, { once: true });
      return canvas;
    },
    zoomIn: () => viewer.viewport.zoomBy(1.4),
    zoomOut: () => viewer.viewport.zoomBy(1 / 1.4),
    fit: () => { viewer.viewport.setRotation(0); viewer.viewport.goHome(); },
    turn: () => viewer.viewport.setRotation((viewer.viewport.getRotation() + 90) % 360),
    close: () => viewer.destroy(),
  };
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
