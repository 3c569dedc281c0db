// The dashboard's one script: copies, checks redirect URIs while they are typed, and makes key pairs whose private half never
// leaves the browser. Everything that it does for convenience the server checks again.
(() => {
  'use strict';

  /** Copies the text of an element. @param {HTMLElement} button */
  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.textContent.trim());
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

  // On a phone the navigation is a row that does not fit: what is open is shown.
  const current = document.querySelector('.side a[aria-current]');
  const side = current?.closest('.side');
  if (side && side.scrollWidth > side.clientWidth) {
    side.scrollLeft += current.getBoundingClientRect().left - side.getBoundingClientRect().left - 16;
  }

  /** What is wrong with a redirect URI, or nothing. @param {string} text @param {boolean} native @returns {string} */
  const wrong = (text, native) => {
    let url;
    try {
      url = new URL(text);
    } catch {
      return 'is no address';
    }
    if (text.includes('#')) return 'must not have a fragment (#)';
    if (url.username || url.password) return 'must not hold a user name or password';
    const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
    if (url.protocol === 'https:') return '';
    if (url.protocol === 'http:') return local ? '' : 'must use https; http is for localhost alone';
    if (!native) return 'must use https';
    return url.protocol.includes('.') ? '' : 'needs a scheme with a dot, such as com.example.app:';
  };
  const uris = document.querySelector('textarea[data-redirect-uris]');
  if (uris) {
    const problems = document.getElementById('redirect-problems');
    const check = () => {
      const native = document.querySelector('input[name=application_type][value=native]')?.checked ?? false;
      const lines = uris.value.split('\n').map((line) => line.trim()).filter((line) => line);
      const found = [];
      for (const line of new Set(lines)) {
        const text = wrong(line, native);
        if (text) found.push(`${line} ${text}.`);
      }
      problems.replaceChildren(...found.map((text) => {
        const item = document.createElement('li');
        item.textContent = text;
        return item;
      }));
      if (found.length) uris.setAttribute('aria-invalid', 'true');
      else uris.removeAttribute('aria-invalid');
    };
    uris.addEventListener('input', check);
    for (const radio of document.querySelectorAll('input[name=application_type]')) radio.addEventListener('change', check);
    if (uris.value) check();
  }

  /** @param {ArrayBuffer} bytes */
  const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  /** @param {ArrayBuffer} bytes */
  const base64url = (bytes) => base64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  /** Hands text over as a file. @param {string} name @param {string} text */
  const download = (name, text) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const generate = document.getElementById('generate-key');
  if (generate && window.crypto?.subtle) {
    const panel = document.getElementById('private-key-panel');
    const shown = document.getElementById('private-key');
    // What the browser kept of an earlier visit is no key of this one.
    document.getElementById('jwk').value = '';
    let kept = null;
    generate.addEventListener('click', async () => {
      const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
      const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
      const print = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify({ crv, kty, x, y })));
      const kid = `${new Date().toISOString().slice(0, 10)}.${base64url(print).slice(0, 16)}`;
      const open = { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' };
      const { d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
      const der = base64(await crypto.subtle.exportKey('pkcs8', pair.privateKey));
      const pem = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g).join('\n')}\n-----END PRIVATE KEY-----\n`;
      kept = { pem, jwk: `${JSON.stringify({ ...open, d }, null, 2)}\n` };
      document.getElementById('jwk').value = JSON.stringify(open);
      const pasted = document.getElementById('public_key');
      if (pasted) pasted.value = '';
      const byKey = document.getElementById('by-key');
      if (byKey) byKey.checked = true;
      document.getElementById('key-made').textContent = `Key ${kid} is made. Save the private key below before you go on.`;
      shown.textContent = pem;
      panel.hidden = false;
      generate.querySelector('span').textContent = 'Generate another one';
    });
    document.getElementById('download-key').addEventListener('click', () => kept && download('private-key.pem', kept.pem));
    document.getElementById('download-jwk').addEventListener('click', () => kept && download('private-key.jwk.json', kept.jwk));
    // Shown once: a browser may keep the page whole and bring it back with its button.
    window.addEventListener('pagehide', () => {
      kept = null;
      shown.textContent = '';
      panel.hidden = true;
      document.getElementById('jwk').value = '';
      document.getElementById('key-made').textContent = '';
    });
  } else if (generate) {
    generate.disabled = true;
  }

  // A picture is read here and goes with the form, so that a form of text is enough.
  const file = document.querySelector('input[data-picture]');
  if (file) {
    const field = document.getElementById(file.dataset.picture);
    const said = document.getElementById('logo-said');
    const shown = [document.getElementById('logo-now'), ...document.querySelectorAll('.look-logo')];
    document.getElementById('logo-pick').hidden = false;
    file.addEventListener('change', async () => {
      const [picked] = file.files;
      said.textContent = '';
      if (!picked) return;
      if (picked.size > 32768) {
        said.textContent = `${picked.name} is larger than 32 KiB.`;
        return;
      }
      const kinds = { svg: 'image/svg+xml', png: 'image/png', webp: 'image/webp' };
      const kind = kinds[picked.name.split('.').pop().toLowerCase()] ?? picked.type;
      field.value = `data:${kind};base64,${base64(await picked.arrayBuffer())}`;
      for (const image of shown) {
        image.src = field.value;
        image.hidden = false;
      }
    });
  }

  // How pages would look, while it is typed. Colours that follow from the accent are mixed by the style sheet.
  const preview = document.getElementById('preview');
  const looked = document.querySelectorAll('[data-look]');
  if (preview) {
    const value = (name) => document.querySelector(`[data-look=${name}]`)?.value.trim() ?? '';
    const isColour = (text) => /^#[0-9a-f]{6}$/i.test(text);
    const draw = () => {
      const accent = value('accent');
      const radius = Number.parseInt(value('radius'), 10);
      for (const look of preview.querySelectorAll('.look')) {
        const dark = look.dataset.scheme === 'dark';
        const own = dark && isColour(value('dark-accent')) ? value('dark-accent') : isColour(accent) ? accent : '';
        const set = (name, text) => (text ? look.style.setProperty(name, text) : look.style.removeProperty(name));
        set('--look-accent', own);
        look.classList.toggle('look-mixed', dark && Boolean(own) && !isColour(value('dark-accent')));
        set('--look-radius', radius >= 0 && radius <= 32 ? `${radius}px` : '');
        set('--look-font', /[;{}()]/.test(value('font')) ? '' : value('font'));
        look.querySelector('.look-name').textContent = value('name') || 'Hallpass';
      }
    };
    for (const field of looked) field.addEventListener('input', draw);
    for (const swatch of document.querySelectorAll('.swatch')) {
      const field = document.getElementById(swatch.dataset.for);
      const follow = () => { if (isColour(field.value.trim())) swatch.value = field.value.trim(); };
      swatch.value = '#0b6b58';
      follow();
      swatch.hidden = false;
      field.addEventListener('input', follow);
      swatch.addEventListener('input', () => {
        field.value = swatch.value;
        draw();
      });
    }
    preview.hidden = looked.length === 0;
    draw();
  }
})();
