// Looks at reports in headless Chromium, 1400 and 390 pixels wide, light and dark: no error, no request, nothing cut off, readable colours; the
// values under the pointer are records, tables sort by mouse and by keyboard, curves are those of the units picked.
//
//   node tests/browser/report.mjs PAGE.html… [--shots DIR]
//
// Needs what chromium.mjs needs; without a Chromium it says so and exits with 77.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { find, launch } from './chromium.mjs';

const args = process.argv.slice(2), at = args.indexOf('--shots');
const shots = at < 0 ? null : args.splice(at, 2)[1];
if (shots) mkdirSync(shots, { recursive: true });
const program = find();
if (!program) {
  console.error('no Chromium: install one, or name it in $CHROMIUM');
  process.exit(77);
}

const problems = [];
const browser = await launch(program);
try {
  for (const page of args) for (const width of [1400, 390]) for (const scheme of ['light', 'dark']) await look(resolve(page), width, scheme);
} finally {
  await browser.close();
}
problems.forEach((problem) => console.error(problem));
console.log(`${args.length} pages looked at: ${problems.length} problems`);
process.exit(problems.length ? 1 : 0);

async function look(path, width, scheme) {
  const name = `${basename(dirname(path))}-${width}-${scheme}`;
  const wrong = (what) => problems.push(`${name}: ${what}`);
  const url = pathToFileURL(path).href, tab = await browser.open();
  const loaded = new Promise((done) => tab.on(({ method, params }) => {
    if (method === 'Page.loadEventFired') done();
    if (method === 'Runtime.exceptionThrown') wrong(`exception: ${params.exceptionDetails.exception?.description}`);
    if (method === 'Runtime.consoleAPICalled' && ['error', 'warning', 'assert'].includes(params.type)) wrong(`console: ${JSON.stringify(params.args)}`);
    if (method === 'Log.entryAdded' && params.entry.level !== 'verbose') wrong(`log: ${params.entry.text}`);
    if (method === 'Network.requestWillBeSent' && params.request.url !== url) wrong(`asks for ${params.request.url}`);
  }));
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await tab.call(`${domain}.enable`);
  await tab.call('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: width < 500 });
  await tab.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await tab.call('Page.navigate', { url });
  await loaded;
  await frames(tab);
  for (const problem of await tab.evaluate(layout)) wrong(problem);
  for (const problem of await tab.evaluate(colours, scheme)) wrong(problem);
  for (const problem of await tab.evaluate(sorting)) wrong(problem);
  await hover(tab, wrong);
  for (const problem of await tab.evaluate(picking)) wrong(problem);
  if (shots) await shoot(tab, width, join(shots, name));
  await tab.close();
}

/** Until what was asked for has been laid out and drawn. */
async function frames(tab) {
  await tab.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))');
}

/** The page from top to bottom, in pictures that are looked at without being made smaller. */
async function shoot(tab, width, stem) {
  const whole = await tab.evaluate('document.documentElement.scrollHeight'), tall = 1400;
  for (let i = 0; i * tall < Math.min(whole, 20 * tall); i++) {
    const clip = { x: 0, y: i * tall, width, height: Math.min(tall, whole - i * tall), scale: 1 };
    const { data } = await tab.call('Page.captureScreenshot', { clip, captureBeyondViewport: true });
    writeFileSync(`${stem}-${i + 1}.png`, Buffer.from(data, 'base64'));
  }
}

/** In the page: what sticks out of it, or of something that does not scroll. */
function layout() {
  const found = [], limit = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > limit) found.push(`wider than the window: ${document.documentElement.scrollWidth} > ${limit}`);
  const scrolls = (element) => ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    let above = element;
    while (above && !scrolls(above)) above = above.parentElement;
    if (!above && (box.right > limit + 1 || box.left < -1)) found.push(`cut off: <${element.tagName}> ${element.textContent.slice(0, 60)}`);
    const hides = getComputedStyle(element).overflowX === 'hidden' && !(element instanceof SVGElement);
    if (hides && element.scrollWidth > element.clientWidth + 1) found.push(`hidden: ${element.textContent.slice(0, 60)}`);
  }
  for (const text of document.querySelectorAll('.plot text')) {
    const box = text.getBoundingClientRect(), plot = text.closest('svg').getBoundingClientRect();
    if (box.left < plot.left - 1 || box.right > plot.right + 1 || box.bottom > plot.bottom + 1 || box.top < plot.top - 1) found.push(`outside the plot: ${text.textContent}`);
  }
  const figures = [...document.querySelectorAll('figure')];
  if (figures.some((figure) => !figure.querySelector('figcaption')?.textContent.trim())) found.push('a picture without a caption');
  return found.slice(0, 10);
}

/** In the page: text that is hard to read, and a page that is not in the scheme asked for. */
function colours(scheme) {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor, alpha = parse(color)[3] ?? 1;
      if (alpha === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [], paper = light(behind(document.body));
  if ((scheme === 'dark') !== (paper < 0.1)) found.push(`the page is not ${scheme}`);
  for (const element of document.querySelectorAll('h1, h2, p, li, td, th, th button, pre, figcaption, label, .plot text, .tip')) {
    if (!element.textContent.trim()) continue;
    const style = getComputedStyle(element), ink = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`contrast ${((a + 0.05) / (b + 0.05)).toFixed(1)}: ${element.textContent.slice(0, 40)}`);
  }
  return [...new Set(found)].slice(0, 10);
}

/** In the page: every head of a table of units sorts, up and down, and the first by keyboard alone. */
function sorting() {
  const found = [], table = document.querySelector('table.sortable');
  if (!table) return found;
  const before = [...table.tBodies[0].rows];
  for (const head of table.querySelectorAll('th')) {
    const button = head.querySelector('button');
    button.focus();
    if (document.activeElement !== button) found.push(`${head.textContent} is not reached by keyboard`);
    for (const [direction, sign] of [['ascending', 1], ['descending', -1]]) {
      button.click();
      if (head.getAttribute('aria-sort') !== direction) found.push(`${head.textContent}: ${head.getAttribute('aria-sort')}`);
      const cells = [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex]);
      if (cells.length !== before.length) found.push(`${head.textContent}: rows are lost`);
      const numbers = cells.filter((cell) => 'v' in cell.dataset).map((cell) => Number(cell.dataset.v));
      if (numbers.some((value, i) => i > 0 && sign * (value - numbers[i - 1]) < 0)) found.push(`${head.textContent} is not ${direction}: ${numbers}`);
      const undefinedFrom = cells.findIndex((cell) => cell.textContent === '–');
      if (undefinedFrom >= 0 && cells.slice(undefinedFrom).some((cell) => 'v' in cell.dataset)) found.push(`${head.textContent}: undefined before numbers`);
    }
  }
  table.tBodies[0].append(...before);
  return found;
}

/** The pointer on the curves: what is said is a record of the JSON in the page. */
async function hover(tab, wrong) {
  if (!(await tab.evaluate('!!document.getElementById("curves-data")'))) return;
  await tab.evaluate('document.querySelector(".plot").scrollIntoView({ block: "center" })');
  await frames(tab);
  const box = await tab.evaluate('(({ x, y, width, height }) => ({ x, y, width, height }))(document.querySelector(".plot svg").getBoundingClientRect())');
  for (const [fx, fy] of [[0.4, 0.3], [0.7, 0.6], [0.95, 0.5], [0.2, 0.8], [0.6, 0.5]]) {
    await tab.call('Input.dispatchMouseEvent', { type: 'mouseMoved', x: box.x + fx * box.width, y: box.y + fy * box.height });
    await frames(tab);
    for (const problem of await tab.evaluate(pointed)) wrong(problem);
  }
}

/** In the page: the tip and every row of the read-out against the JSON, told as the page tells numbers. */
function pointed() {
  const found = [], data = JSON.parse(document.getElementById('curves-data').textContent);
  const tip = document.querySelector('.tip'), column = Number(document.querySelector('.controls select').value);
  if (tip.hidden || !tip.textContent) return ['no value under the pointer'];
  const of = (label) => data.curves.filter((curve) => (curve.unit === null ? curve.process : data.units[curve.unit]) === label);
  const [, label, value, t] = tip.textContent.match(/^(.*): (.*) at t = (.*)$/);
  const told = [[label, t, value], ...[...document.querySelectorAll('.readout tbody tr')].map((row) => [...row.cells].slice(1).map((cell) => cell.textContent))];
  for (const [who, when, what] of told) {
    const same = (curve) => curve.t.some((time, i) => number(time, 6) === when && shown(curve.values[column]?.[i] ?? null) === what);
    if (!of(who).some(same)) found.push(`${who} has no record ${what} at t = ${when}`);
  }
  const [box, plot] = [tip.getBoundingClientRect(), document.querySelector('.plot').getBoundingClientRect()];
  if (box.left < plot.left - 1 || box.right > plot.right + 1 || box.top < plot.top - 1) found.push('the value is cut off');
  return found;
}

/** In the page: no unit, two units, all units; every column draws. */
function picking() {
  const found = [], curves = () => document.querySelectorAll('.plot .curve').length;
  const select = document.querySelector('.controls select');
  for (const option of select?.options ?? []) {
    select.value = option.value;
    select.dispatchEvent(new Event('change'));
    if (curves() === 0 && !document.querySelector('.plot svg').textContent.includes('no value')) found.push(`${option.textContent} draws nothing`);
    if (/NaN|undefined|Infinity/.test(document.getElementById('curves').innerHTML)) found.push(`${option.textContent}: a number that is none`);
  }
  if (select) { select.value = 0; select.dispatchEvent(new Event('change')); }
  const boxes = [...document.querySelectorAll('tr[data-unit] input')];
  if (!boxes.length) return found;
  const picked = boxes.filter((box) => box.checked);
  const press = (words) => [...document.querySelectorAll('.controls button')].find((button) => button.textContent === words).click();
  press('no unit');
  if (curves() !== 0 || boxes.some((box) => box.checked)) found.push('no unit is picked, and something is drawn');
  boxes.slice(0, 2).forEach((box) => box.click());
  const strokes = [...document.querySelectorAll('.plot .curve')].map((curve) => curve.getAttribute('stroke') + curve.getAttribute('stroke-dasharray'));
  if (strokes.length !== Math.min(2, boxes.length) || new Set(strokes).size !== strokes.length) found.push(`two units are drawn as ${strokes}`);
  press('all units');
  if (curves() !== boxes.length) found.push(`${boxes.length} units are drawn as ${curves()} curves`);
  press('no unit');
  picked.forEach((box) => box.click());
  return found;
}
