// Reads pages beside the one that a person looks at.

import { grayOf, Reader } from "./reader.js";

let opened;

self.onmessage = async ({ data: { file } }) => {
  try {
    opened ??= Reader.open();
    self.postMessage({ step: "open" });
    const reader = await opened, gray = await grayOf(file), begun = performance.now();
    const page = await reader.read(gray, step => self.postMessage({ step }));
    self.postMessage({ page: { ...page, seconds: (performance.now() - begun) / 1000 } });
  } catch (error) {
    self.postMessage({ failure: `${error.message ?? error}` });
  }
};
