// Packs some of the digits in data/ for the page: 14 x 14 pixels of 16 shades, compressed. `node pack.mjs DATA OUT`
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

const [, , data, out] = process.argv;
const TRAIN = 450;
const TEST = 150;
const SIDE = 28;

function read(name, count) {
  const images = gunzipSync(readFileSync(`${data}/${name}-images-idx3-ubyte.gz`)).subarray(16);
  const labels = gunzipSync(readFileSync(`${data}/${name}-labels-idx1-ubyte.gz`)).subarray(8);
  const digits = [];
  for (let i = 0; i < count; i++) {
    const shades = [];
    for (let y = 0; y < SIDE; y += 2)
      for (let x = 0; x < SIDE; x += 2) {
        const at = (dy, dx) => images[(i * SIDE + y + dy) * SIDE + x + dx];
        shades.push(Math.round((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4 / 17)); // the mean of four, of 16 shades
      }
    digits.push({ shades, label: labels[i] });
  }
  return digits;
}

const digits = [...read('mnist-train5k', TRAIN), ...read('mnist-test1k', TEST)];
const bytes = [TRAIN & 255, TRAIN >> 8, TEST & 255, TEST >> 8];
for (const { label } of digits) bytes.push(label);
for (const { shades } of digits)
  for (let i = 0; i < shades.length; i += 2) bytes.push(shades[i] | (shades[i + 1] << 4));
writeFileSync(out, gzipSync(Uint8Array.from(bytes), { level: 9 }));
