// Whether two pages do the same: `node same.mjs FOLDER FOLDER`. Both modules are asked for the same things and must give the same
// bits: whole numbers and IEEE arithmetic in a fixed order, which no compiler may change. The digits must be equal to the last byte.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const SIDE = 18;
// What is asked below, and what every program of embedded/conformance has to be started by, which the page does not call.
const KNOWN = ['figure', 'room', 'start', 'test', 'train', 'wrong', 'run', 'tress_program'];

const unpacked = (folder, name) => gunzipSync(readFileSync(`${folder}/${name}`));

function answers(folder) {
  const digits = unpacked(folder, 'digits.gz');
  const module = new WebAssembly.Module(unpacked(folder, 'tress.wasm.gz'));
  const names = (list) => list.map(({ module = '', name, kind }) => `${module}.${name}:${kind}`).sort().join(' ');
  const all = [`imports ${names(WebAssembly.Module.imports(module))}`, `exports ${names(WebAssembly.Module.exports(module))}`];
  const engine = new WebAssembly.Instance(module, { page: { write: () => {}, now: () => 0 } }).exports;
  const more = Object.keys(engine).filter((name) => typeof engine[name] === 'function' && !KNOWN.includes(name));
  if (more.length) throw new Error(`${folder}: nothing asks for ${more}`);
  const memory = () => new Uint8Array(engine.memory.buffer);
  memory().set(digits, engine.room(digits.length));
  const bits = (number) => new Uint32Array(Float32Array.of(number).buffer)[0].toString(16).padStart(8, '0');
  for (const seed of [1, 2]) {
    all.push(`seed ${seed} started ${engine.start(seed)}`);
    for (const steps of [0, 1, 7, 52]) {
      const trained = engine.train(steps), wrong = engine.test();
      all.push(`seed ${seed}, ${steps} steps more: ${trained}, wrong ${wrong}, figures ${[0, 1, 2, 3, 4, 5, 6].map((i) => bits(engine.figure(i)))}`);
      for (let i = 0; i < wrong; i++) {
        const at = engine.wrong(i);
        all.push(`wrong ${i} ${Buffer.from(memory().slice(at, at + SIDE * SIDE + 4)).toString('hex')}`);
      }
      all.push(`after the last ${engine.wrong(wrong)}`);
    }
  }
  return { all, digits, size: unpacked(folder, 'tress.wasm.gz').length };
}

const [first, second] = process.argv.slice(2).map(answers);
const at = first.all.findIndex((line, i) => line !== second.all[i]);
if (at >= 0 || first.all.length !== second.all.length) {
  console.error(`the pages do not do the same:\n${first.all[at]?.slice(0, 300)}\n${second.all[at]?.slice(0, 300)}`);
  process.exit(1);
}
if (Buffer.compare(first.digits, second.digits)) {
  console.error('the digits are not the same');
  process.exit(1);
}
// Another release of the compiler makes other code of the same source, but hardly one of another size.
if (Math.abs(first.size / second.size - 1) > 0.1) {
  console.error(`the module has ${first.size} bytes, and ${second.size} as it is built now`);
  process.exit(1);
}
console.log(`${first.all.length} answers of both pages are the same; modules of ${first.size} and ${second.size} bytes`);
