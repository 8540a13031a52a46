// The interactive parts of a report: tables that sort, and units that are picked for the curves (`chart.js`). Without scripts the page lacks
// only these.

// A checkbox before each unit of the table; some are picked at the start, evenly spaced.
const picks = (data, state, controls, changed) => {
  const rows = [...document.querySelectorAll('tr[data-unit]')].filter((row) => data.curves.some((curve) => curve.unit === Number(row.dataset.unit)));
  const boxes = new Map();
  const set = (unit, on) => {
    state.picked = state.picked.filter((other) => other !== unit);
    if (on) state.picked.push(unit);
    const { box, row } = boxes.get(unit);
    box.checked = on;
    row.classList.toggle('picked', on);
  };
  document.querySelectorAll('table.sortable thead tr').forEach((row) => row.prepend(make('td', {}, null, '')));
  document.querySelectorAll('tr[data-unit]').forEach((row) => row.prepend(make('td', { 'data-label': 'draw' })));
  for (const row of rows) {
    const unit = Number(row.dataset.unit);
    const box = make('input', { type: 'checkbox', 'aria-label': `draw ${data.units[unit]}` }, row.firstChild);
    boxes.set(unit, { box, row });
    box.addEventListener('change', () => { set(unit, box.checked); changed(); });
  }
  const all = [...boxes.keys()], some = Math.min(6, all.length);
  for (let i = 0; i < some; i++) set(all[Math.floor((i * (all.length - 1)) / Math.max(1, some - 1))], true);
  for (const [words, on] of [['all units', true], ['no unit', false]]) {
    make('button', { type: 'button' }, controls, words).addEventListener('click', () => { all.forEach((unit) => set(unit, on)); changed(); });
  }
};

// A click on a head sorts by its column: numbers by their size, then words; undefined values come last either way.
const sortable = (table) => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const label = head.textContent;
    head.textContent = '';
    head.setAttribute('aria-sort', 'none');
    make('button', { type: 'button' }, head, label).addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach((other) => other.setAttribute('aria-sort', other !== head ? 'none' : down ? 'descending' : 'ascending'));
      const key = (row) => {
        const cell = row.cells[column + row.cells.length - heads.length], text = cell.textContent;
        return { rank: text === '–' || text === '' ? 2 : 'v' in cell.dataset ? 0 : 1, value: Number(cell.dataset.v), text };
      };
      const order = (a, b) => a.rank - b.rank || (down ? -1 : 1) * (a.rank === 0 ? a.value - b.value : a.text.localeCompare(b.text, 'en', { numeric: true }));
      const keyed = [...table.tBodies[0].rows].map((row) => ({ row, ...key(row) }));
      table.tBodies[0].append(...keyed.sort(order).map(({ row }) => row));
    });
  });
};

document.querySelectorAll('table.sortable').forEach(sortable);
const data = document.getElementById('curves-data');
if (data) chart(document.getElementById('curves'), JSON.parse(data.textContent));
