'use strict';
const filter = document.getElementById('filter');
if (filter) {
  const rows = [...document.querySelectorAll('#tasks tbody tr')];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const told = filter.parentElement.querySelector('output');
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    told.textContent = filter.value ? `${shown} of ${rows.length}` : '';
  };
  filter.addEventListener('input', apply);
  filter.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      filter.value = '';
      apply();
      filter.blur();
    }
  });
  document.addEventListener('keydown', (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === '/' && plain && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });
  filter.parentElement.hidden = false;
}
let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details.group:not([open])')];
  closed.forEach((details) => { details.open = true; });
});
addEventListener('afterprint', () => closed.forEach((details) => { details.open = false; }));
