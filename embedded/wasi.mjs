// Runs a command-line program of WebAssembly in node, with the arguments that follow its name: a runner for `cargo test`.
//
// With TRESS_RELAXED set, a module must have many relaxed multiply-adds, and next to no relaxed minima and maxima, which lose NaN.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [, , file, ...args] = process.argv;
const module = readFileSync(file);

// Places with an instruction of vectors, by its number from 0x100 on; some may be other bytes that look alike.
function places(number) {
  const code = Buffer.from([0xfd, 0x80 | number, 0x02]);
  let count = 0;
  for (let at = module.indexOf(code); at >= 0; at = module.indexOf(code, at + 1)) count++;
  return count;
}

if (process.env.TRESS_RELAXED) {
  const [adds, extremes] = [[0x05, 0x07], [0x0d, 0x0e, 0x0f, 0x10]].map((all) => all.reduce((sum, number) => sum + places(number), 0));
  if (adds < 100 || extremes > 10) throw new Error(`TRESS_RELAXED: ${adds} multiply-adds, ${extremes} minima and maxima`);
}

const wasi = new WASI({ version: 'preview1', args: [file, ...args], env: process.env, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
