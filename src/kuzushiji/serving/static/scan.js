// The scan in OpenSeadragon, with a box over each character.

import { make } from "./api.js";
import { doubt } from "./reading.js";

const SVG = "http://www.w3.org/2000/svg";
const box = polygon => {
  const [xs, ys] = [polygon.map(each => each[0]), polygon.map(each => each[1])];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
};

export function showScan(place, url, { width, height }, choose) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const viewer = OpenSeadragon({
    element: place, tileSources: { type: "image", url }, showNavigationControl: false, drawer: "canvas",
    animationTime: still ? 0 : 0.6, maxZoomPixelRatio: 6, visibilityRatio: 0.6, gestureSettingsMouse: { clickToZoom: false },
    gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true }, keyboardNavEnabled: false,
  });
  // The viewer is no stop for the Tab key: the text has a stop for each character of the scan.
  viewer.canvas.tabIndex = -1;
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  const rects = new Map();
  let drawn = [], chosen, pointed;
  const image = make("img", { src: url });
  const opened = new Promise(resolve => viewer.addOnceHandler("open", () => {
    viewer.addOverlay(layer, new OpenSeadragon.Rect(0, 0, 1, height / width));
    resolve();
  }));

  const under = position => {
    const point = viewer.viewport.viewerElementToViewportCoordinates(position);
    const [x, y] = [point.x * width, point.y * width];
    const hit = drawn.filter(({ at }) => x >= at.x && x <= at.x + at.width && y >= at.y && y <= at.y + at.height);
    return hit.sort((one, other) => one.at.width * one.at.height - other.at.width * other.at.height)[0]?.id;
  };
  const mark = (id, name, on) => rects.get(id)?.classList.toggle(name, on);
  const point = id => { mark(pointed, "pointed", false); pointed = id; mark(id, "pointed", true); };
  viewer.addHandler("canvas-click", event => {
    const id = event.quick && under(event.position);
    if (id) choose(id);
  });
  viewer.innerTracker.moveHandler = event => {
    const id = under(event.position);
    if (id === pointed) return;
    document.getElementById(`c-${pointed}`)?.classList.remove("pointed");
    document.getElementById(`c-${id}`)?.classList.add("pointed");
    point(id);
  };

  return {
    opened, point,
    draw(characters) {
      rects.clear();
      drawn = characters.map(each => ({ id: each.id, at: box(each.polygon) }));
      layer.replaceChildren(...characters.map((each, number) => {
        const rect = document.createElementNS(SVG, "rect");
        for (const [name, value] of Object.entries(drawn[number].at)) rect.setAttribute(name, value);
        rect.setAttribute("class", `d${doubt(each)}`);
        rects.set(each.id, rect);
        return rect;
      }));
      mark(chosen, "chosen", true);
    },
    async choose(id, move) {
      mark(chosen, "chosen", false);
      chosen = id;
      mark(id, "chosen", true);
      await opened;
      const at = drawn.find(each => each.id === id)?.at;
      if (!move || !at) return;
      const [x, y, w, h] = [at.x, at.y, at.width, at.height].map(each => each / width);
      const seen = viewer.viewport.getBounds();
      const tight = w * 14 < seen.width;
      const centre = new OpenSeadragon.Point(x + w / 2, y + h / 2);
      const [mx, my] = [seen.width * 0.1, seen.height * 0.1];
      const inside = x > seen.x + mx && x + w < seen.x + seen.width - mx && y > seen.y + my && y + h < seen.y + seen.height - my;
      if (tight && viewer.viewport.getZoom() <= viewer.viewport.getHomeZoom() * 1.05) viewer.viewport.zoomTo(viewer.viewport.getHomeZoom() * 2.2, centre);
      if (!inside) viewer.viewport.panTo(centre);
    },
    picture(character) {
      const at = box(character.polygon);
      const side = Math.max(at.width, at.height) * 1.5;
      const canvas = make("canvas", { width: 160, height: 160, ariaHidden: "true" });
      const paint = () => {
        const scale = image.naturalWidth / width;
        const [x, y] = [at.x + at.width / 2 - side / 2, at.y + at.height / 2 - side / 2];
        canvas.getContext("2d").drawImage(image, x * scale, y * scale, side * scale, side * scale, 0, 0, 160, 160);
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
