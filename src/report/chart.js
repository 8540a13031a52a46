// Curves of a report over time, drawn from the JSON in the page, with their values under the pointer. `page.js` starts it.
'use strict';

const SVG = 'http://www.w3.org/2000/svg';
const COLOURS = 10;
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '12 4'];
const make = (name, attributes = {}, parent = null, text = null, space = null) => {
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
};
const draw = (name, attributes, parent, text = null) => make(name, attributes, parent, text, SVG);

// Numbers as the pictures write them: 0.02, 3000, 2×10⁻⁷.
const superscript = (n) => [...String(n)].map((c) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[c] ?? '⁻').join('');
const trim = (text) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text).replace('-', '−');
const number = (value, digits) => {
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return trim(value.toFixed(Math.max(0, digits - 1 - power)));
  const ten = '10' + superscript(power);
  return { 1: ten, '−1': '−' + ten }[trim(mantissa)] ?? `${trim(mantissa)}×${ten}`;
};
// A value so close to 1 that its digits would all be 9 is shown by its distance from 1.
const shown = (value) => {
  if (value === null) return 'not defined';
  const gap = 1 - value;
  if (gap === 0 || Math.abs(gap) >= 1e-5) return number(value, 6);
  return `1 ${gap > 0 ? '−' : '+'} ${number(Math.abs(gap), 3)}`;
};

// Beyond this, differences would overflow.
const HUGE = 4e307;

// An axis over these values: where they lie from 0 to 1, and its ticks.
const axis = (values, log) => {
  const place = log ? (v) => (v > 0 ? Math.log10(v) : null) : (v) => (Math.abs(v) < HUGE ? v : null);
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    const at = value === null ? null : place(value);
    if (at !== null) [low, high] = [Math.min(low, at), Math.max(high, at)];
  }
  if (low > high) return null;
  // Below this, steps between ticks would be subnormal.
  if (!log && Math.max(Math.abs(low), Math.abs(high)) < 1e-290) [low, high] = [-1, 1];
  const flat = log ? 0.1 : 1e-6 * Math.max(Math.abs(low), Math.abs(high)) || 1e-300;
  if (high - low < flat) {
    const room = log ? 0.25 : 0.05 * Math.max(Math.abs(low), Math.abs(high)) || 1;
    [low, high] = [(low + high) / 2 - room, (low + high) / 2 + room];
  }
  const room = 0.04 * (high - low);
  [low, high] = [low - room, high + room];
  const fraction = (v) => { const at = v === null ? null : place(v); return at === null ? null : (at - low) / (high - low); };
  return { fraction, ticks: log ? decades(low, high) : even(low, high), log };
};
const nice = (least) => {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((m) => m * power >= least * (1 - 1e-9)) * power;
};
const even = (low, high) => {
  const step = nice((high - low) / 6);
  const places = Math.max(1, 1 + Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high)))) - Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let k = Math.ceil(low / step); k <= high / step; k++) ticks.push({ at: (k * step - low) / (high - low), label: number(k * step, Math.min(places, 17)) });
  return ticks;
};
const decades = (low, high) => {
  const ticks = [];
  const tick = (value, label) => ticks.push({ at: (Math.log10(value) - low) / (high - low), label });
  const stride = Math.max(1, Math.ceil((high - low) / 7));
  for (let k = Math.ceil(low / stride) * stride; k <= Math.min(high, 308); k += stride) tick(Number(`1e${k}`), number(Number(`1e${k}`), 1));
  if (ticks.length >= 2) return ticks;
  ticks.length = 0;
  for (let k = Math.floor(low); k <= high; k++) for (const m of [1, 2, 5]) {
    const value = Number(`${m}e${k}`), at = Math.log10(value);
    if (at >= low && at <= high) tick(value, number(value, 1));
  }
  if (ticks.length >= 2 || 10 ** high === Infinity || 10 ** low < 1e-290) return ticks;
  return even(10 ** low, 10 ** high).map(({ label, at }) => {
    const value = 10 ** low + at * (10 ** high - 10 ** low);
    return { label, at: (Math.log10(value) - low) / (high - low) };
  });
};
const wantsLog = (values) => {
  const defined = values.filter((v) => v !== null);
  const [low, high] = defined.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, 0]);
  return low > 0 && low < Infinity && high / low > 100;
};

// Curves of one column over time, and their values at the pointer.
const chart = (root, data) => {
  const units = data.units.length > 0;
  const processes = [...new Set(data.curves.map((curve) => curve.process))];
  const state = { column: 0, process: processes[0], picked: [], x: true, y: true, at: null };
  const controls = make('div', { class: 'controls' }, root);
  const chooser = (words, names, change) => {
    const select = make('select', {}, make('label', {}, controls, words));
    names.forEach((name, i) => make('option', { value: i }, select, name));
    select.addEventListener('change', () => change(Number(select.value)));
    return select;
  };
  const toggle = (words, key) => {
    const label = make('label', {}, controls), box = make('input', { type: 'checkbox' }, label);
    label.append(words);
    box.addEventListener('change', () => { state[key] = box.checked; paint(); });
    return box;
  };
  chooser('column ', data.columns, (i) => { state.column = i; scales(); paint(); });
  if (units && processes.length > 1) chooser('process ', processes, (i) => { state.process = processes[i]; scales(); paint(); });
  const logX = toggle('log t', 'x'), logY = toggle('log y', 'y');
  const about = make('p', { class: 'caption' }, root);
  const plot = make('div', { class: 'plot' }, root);
  const svg = draw('svg', { tabindex: 0, role: 'group' }, plot);
  const tip = make('div', { class: 'tip', hidden: '' }, plot);
  const left = make('p', { class: 'caption', role: 'status' }, root);
  const table = make('table', { class: 'readout-table' }, make('div', { class: 'readout' }, root));
  let lines = [], area = null;

  const chosen = () => data.curves
    .map((curve) => ({ ...curve, y: curve.values[state.column], slot: units ? state.picked.indexOf(curve.unit) : processes.indexOf(curve.process) }))
    .filter((curve) => curve.y && curve.slot >= 0 && (!units || curve.process === state.process))
    .sort((a, b) => a.slot - b.slot);
  const scales = () => {
    const of = data.curves.filter((curve) => curve.values[state.column] && (!units || curve.process === state.process));
    state.x = wantsLog(of.flatMap((curve) => curve.t.filter((t) => t > 0)));
    state.y = wantsLog(of.flatMap((curve) => curve.values[state.column]));
    state.at = null;
    [logX.checked, logY.checked] = [state.x, state.y];
  };
  const look = (slot) => ({
    stroke: `var(--c${slot % COLOURS})`,
    'stroke-dasharray': DASHES[(slot + Math.floor(slot / DASHES.length)) % DASHES.length],
  });

  const paint = () => {
    const curves = chosen(), name = data.columns[state.column];
    const width = Math.max(240, plot.clientWidth), height = Math.round(Math.min(440, Math.max(240, width * 0.5)));
    const x = axis(curves.flatMap((c) => c.t), state.x), y = axis(curves.flatMap((c) => c.y), state.y);
    svg.replaceChildren();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    svg.setAttribute('aria-label', `${name} over time; arrow keys walk along the records`);
    about.textContent = `${name}: ${data.about[state.column]}`;
    tip.hidden = true;
    lines = [];
    if (!x || !y) {
      area = null;
      draw('text', { x: width / 2, y: height / 2, 'text-anchor': 'middle' }, svg, units && !state.picked.length ? 'pick units in the table' : 'no value to draw');
      left.textContent = '';
      table.replaceChildren();
      return;
    }
    const margin = 16 + 7.5 * Math.max(0, ...y.ticks.map((tick) => [...tick.label].length));
    area = { left: margin, right: width - 14, top: 26, bottom: height - 42 };
    const px = (f) => area.left + f * (area.right - area.left), py = (f) => area.bottom - f * (area.bottom - area.top);
    draw('text', { x: 4, y: 15 }, svg, name);
    draw('text', { x: (area.left + area.right) / 2, y: height - 6, 'text-anchor': 'middle' }, svg, 'time t');
    let free = -Infinity;
    for (const tick of x.ticks) {
      const at = px(tick.at), half = 4 * [...tick.label].length;
      draw('line', { class: 'grid', x1: at, x2: at, y1: area.top, y2: area.bottom }, svg);
      if (at - half < free || at + half > width) continue;
      draw('text', { x: at, y: area.bottom + 17, 'text-anchor': 'middle' }, svg, tick.label);
      free = at + half + 6;
    }
    for (const tick of y.ticks) {
      const at = py(tick.at);
      draw('line', { class: 'grid', x1: area.left, x2: area.right, y1: at, y2: at }, svg);
      draw('text', { x: area.left - 6, y: at + 4, 'text-anchor': 'end' }, svg, tick.label);
    }
    draw('path', { class: 'frame', d: `M${area.left} ${area.top}V${area.bottom}H${area.right}` }, svg);
    let missing = 0, total = 0;
    for (const curve of curves) {
      let path = '', pen = 'M';
      const points = [];
      curve.t.forEach((t, i) => {
        const [fx, fy] = [x.fraction(t), y.fraction(curve.y[i])];
        total += 1;
        if (fx === null || fy === null) { missing += 1; pen = 'M'; return; }
        const point = { x: px(fx), y: py(fy), t, value: curve.y[i] };
        path += `${pen}${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
        pen = 'L';
        points.push(point);
      });
      const element = draw('path', { class: 'curve', d: path, ...look(curve.slot) }, svg);
      if (points.length < 16) points.forEach((p) => draw('circle', { cx: p.x, cy: p.y, r: 2.5, fill: look(curve.slot).stroke }, svg));
      lines.push({ points, element, slot: curve.slot, label: units ? data.units[curve.unit] : curve.process });
    }
    left.textContent = missing ? `${missing} of ${total} points ${missing === 1 ? 'has' : 'have'} no place on these axes (not positive on a log axis, or not defined): not drawn.` : '';
    const head = make('tr', {}, make('thead', {}, null));
    ['', units ? 'unit' : 'process', 't', name].forEach((text, i) => make('th', i > 1 ? { class: 'n' } : {}, head, text));
    const body = make('tbody');
    for (const line of lines) {
      const row = make('tr', {}, body), sample = draw('svg', { viewBox: '0 0 34 10', 'aria-hidden': 'true' }, make('td', {}, row));
      draw('line', { x1: 0, x2: 34, y1: 5, y2: 5, 'stroke-width': 2, ...look(line.slot) }, sample);
      make('td', {}, row, line.label);
      line.cells = [make('td', { class: 'n' }, row), make('td', { class: 'n' }, row)];
    }
    table.replaceChildren(head.parentNode, body);
    tell();
  };

  // Shows the record of each curve that is nearest to state.at on the page, or the last one where nothing is pointed at.
  const tell = () => {
    svg.querySelectorAll('.mark').forEach((mark) => mark.remove());
    let best = null;
    for (const line of lines) {
      line.element.classList.remove('near');
      const at = state.at;
      const point = !at ? line.points.at(-1) : line.points.reduce((a, b) => (a && Math.abs(a.x - at.x) <= Math.abs(b.x - at.x) ? a : b), null);
      line.cells[0].textContent = point ? number(point.t, 6) : '–';
      line.cells[1].textContent = point ? shown(point.value) : 'no point drawn';
      if (!at || !point) continue;
      draw('circle', { class: 'mark', cx: point.x, cy: point.y, r: 4, fill: look(line.slot).stroke }, svg);
      const far = Math.hypot(point.x - at.x, at.y === null ? 0 : point.y - at.y);
      if (!best || far < best.far) best = { far, line, point };
    }
    tip.hidden = !best;
    if (!best) return;
    best.line.element.classList.add('near');
    draw('line', { class: 'hair mark', x1: best.point.x, x2: best.point.x, y1: area.top, y2: area.bottom }, svg);
    tip.textContent = `${best.line.label}: ${shown(best.point.value)} at t = ${number(best.point.t, 6)}`;
    const right = Math.max(0, plot.clientWidth - tip.offsetWidth);
    tip.style.left = `${Math.min(best.point.x + 12, right)}px`;
    tip.style.top = `${Math.max(0, best.point.y - tip.offsetHeight - 10)}px`;
  };
  const point = (event) => {
    if (!area) return;
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    state.at = { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    tell();
  };
  svg.addEventListener('pointermove', point);
  svg.addEventListener('pointerdown', point);
  svg.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') { state.at = null; tell(); } });
  svg.addEventListener('keydown', (event) => {
    const points = lines.find((line) => line.points.length)?.points;
    if (!points) return;
    const now = state.at ? points.findIndex((p) => p.x >= state.at.x - 1e-6) : points.length;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: points.length - 1 }[event.key];
    if (event.key === 'Escape') state.at = null;
    else if (to === undefined) return;
    else state.at = { x: points[Math.min(points.length - 1, Math.max(0, to))].x, y: null };
    event.preventDefault();
    tell();
  });
  new ResizeObserver(() => paint()).observe(plot);
  if (units) picks(data, state, controls, () => paint());
  scales();
  paint();
};
