'use strict';
const form = document.getElementById('filter');
const purposes = [...document.querySelectorAll('.purpose')];
const headings = [...document.querySelectorAll('#purposes h2')];

function apply() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  const families = new Set();
  for (const purpose of purposes) {
    const data = purpose.dataset;
    const fits = ['role', 'flow', 'basis', 'verdict'].every((key) => !wanted[key] || data[key] === wanted[key])
      && (!wanted.clause || data.clause.split('|').includes(wanted.clause))
      && words.every((word) => purpose.textContent.toLowerCase().includes(word));
    purpose.hidden = !fits;
    if (fits) {
      shown += 1;
      families.add(purpose.id.split('-')[0]);
    }
  }
  for (const heading of headings) heading.hidden = !families.has(heading.dataset.family);
  document.getElementById('none').hidden = shown > 0;
  document.getElementById('shown').textContent =
    `${shown} of ${purposes.length}${wanted.clause ? `, ${wanted.clause}` : ''}`;
}

form.addEventListener('input', apply);
form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('reset', () => {
  form.elements.clause.value = '';
  setTimeout(apply);
});
for (const cell of document.querySelectorAll('.matrix button')) {
  cell.addEventListener('click', () => {
    form.elements.clause.value = cell.dataset.clause;
    form.elements.role.value = cell.dataset.role;
    apply();
    form.scrollIntoView();
  });
}
let opened = [];
addEventListener('beforeprint', () => {
  opened = purposes.filter((purpose) => !purpose.hidden && !purpose.open);
  for (const purpose of opened) purpose.open = true;
});
addEventListener('afterprint', () => {
  for (const purpose of opened) purpose.open = false;
});
function show() {
  const purpose = location.hash && document.getElementById(location.hash.slice(1));
  if (purpose) purpose.open = true;
}
addEventListener('hashchange', show);
show();
apply();
