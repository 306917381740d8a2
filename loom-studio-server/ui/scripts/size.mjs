// Compares the gzip sizes of the built page with its budgets, and fails when one is exceeded.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
const read = (name) => readFileSync(new URL(name, dist));
const gzip = (name) => gzipSync(read(name), { level: 9 }).length;
const assets = readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`);
const html = read('index.html').toString();

/** Scripts that a script imports statically, itself included. */
function closure(entries) {
  const seen = new Set();
  const queue = [...entries];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const [, file] of read(name).toString().matchAll(/(?:import|from)\s*["']\.\/([\w.-]+\.js)["']/g)) queue.push(`assets/${file}`);
  }
  return seen;
}

const initial = closure([...html.matchAll(/(?:src|href)="\/((?:assets\/)?[\w.-]+\.js)"/g)].map(([, name]) => name));
const isWorker = (name) => /\.worker-/.test(name);
const ownOf = (prefix) =>
  [...closure(assets.filter((name) => name.startsWith(`assets/${prefix}-`) && name.endsWith('.js')))].filter((name) => !initial.has(name));

const rows = [
  ['initial JS', [...initial], 140],
  ['topology', ownOf('TopologyView'), 185],
  ['topology layout worker', assets.filter((name) => name.includes('layout.worker')), 185],
  ...['Timeline', 'Log', 'Runs', 'Memory', 'State', 'Performance'].map((name) => [name.toLowerCase(), ownOf(`${name}View`), 40]),
  ['inspector', ownOf('Inspector'), 40],
  ['data worker', assets.filter((name) => name.includes('data.worker')), 40],
  ['all CSS', assets.filter((name) => name.endsWith('.css')), 20],
];
const counted = new Set(rows.flatMap(([, names]) => names));
const forgotten = assets.filter((name) => name.endsWith('.js') && !isWorker(name) && !counted.has(name));

let failed = forgotten.length > 0;
for (const [label, names, budgetKb] of rows) {
  const kb = names.reduce((sum, name) => sum + gzip(name), 0) / 1000;
  const isOver = names.length === 0 || kb > budgetKb;
  failed ||= isOver;
  process.stdout.write(`${isOver ? 'OVER' : 'ok  '} ${label.padEnd(24)} ${kb.toFixed(1).padStart(6)} / ${budgetKb} kB gzip\n`);
}
for (const name of forgotten) process.stdout.write(`OVER ${name} belongs to no budget\n`);
process.exitCode = failed ? 1 : 0;
