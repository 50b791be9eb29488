// What a canvas shows, from a screenshot of it.
// Invariant: the page under test is only looked at, never scripted.

// The number of different colours in the middle half of an element.
export async function colours(page, element) {
  const png = (await element.screenshot()).toString("base64");
  const easel = await page.context().newPage();
  try {
    return await easel.evaluate(async (data) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const { width, height } = image;
      const brush = new OffscreenCanvas(width, height).getContext("2d");
      brush.drawImage(image, 0, 0);
      const [x, y, w, h] = [width / 4, height / 4, width / 2, height / 2].map(Math.round);
      return new Set(new Uint32Array(brush.getImageData(x, y, w, h).data.buffer)).size;
    }, png);
  } finally {
    await easel.close();
  }
}
