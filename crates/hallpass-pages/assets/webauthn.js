// Passkeys on the pages of this service: asks the browser, puts the answer into the form, sends the form.
(() => {
  'use strict';
  const form = document.querySelector('form[data-passkey]');
  if (!form) return;
  if (!window.PublicKeyCredential || !navigator.credentials) {
    const unsupported = document.getElementById('passkey-unsupported');
    if (unsupported) unsupported.hidden = false;
    return;
  }

  const decode = (text) => {
    const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  };
  const encode = (buffer) => {
    if (!buffer) return null;
    let plain = '';
    for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
    return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  };
  const keys = (list) => (list || []).map((key) => ({ ...key, id: decode(key.id) }));

  const creates = form.dataset.passkey === 'create';
  const options = JSON.parse(form.dataset.options);
  options.challenge = decode(options.challenge);
  if (creates) {
    options.user.id = decode(options.user.id);
    options.excludeCredentials = keys(options.excludeCredentials);
  } else {
    options.allowCredentials = keys(options.allowCredentials);
  }

  const failed = document.getElementById('passkey-stopped');
  const button = form.querySelector('button');
  let running = null;

  const send = (credential) => {
    const { response } = credential;
    const said = { clientDataJSON: encode(response.clientDataJSON) };
    if (creates) {
      said.attestationObject = encode(response.attestationObject);
      said.transports = response.getTransports ? response.getTransports() : [];
    } else {
      said.authenticatorData = encode(response.authenticatorData);
      said.signature = encode(response.signature);
      said.userHandle = encode(response.userHandle);
    }
    const answer = { id: encode(credential.rawId), type: credential.type, response: said };
    form.elements.namedItem('credential').value = JSON.stringify(answer);
    // The box to stay signed in may stand in another form.
    const box = document.getElementById('remember');
    if (box && box.checked && !form.contains(box)) {
      const kept = document.createElement('input');
      kept.type = 'hidden';
      kept.name = box.name;
      kept.value = box.value;
      form.append(kept);
    }
    HTMLFormElement.prototype.submit.call(form);
  };

  // What the person likes to be called may be typed in this form or beside it.
  const named = () => {
    const own = form.elements.namedItem('name');
    const typed = own || document.getElementById('name');
    if (!typed || !typed.value) return;
    options.user.displayName = typed.value;
    if (own && form.id === 'sign-up-passkey') options.user.name = typed.value;
    if (!own) {
      const copy = document.createElement('input');
      copy.type = 'hidden';
      copy.name = 'name';
      copy.value = typed.value;
      form.append(copy);
    }
  };

  const ask = async (mediation) => {
    if (running) running.abort();
    const mine = new AbortController();
    running = mine;
    const request = { publicKey: options, signal: mine.signal };
    if (mediation) request.mediation = mediation;
    try {
      const credential = creates
        ? await navigator.credentials.create(request)
        : await navigator.credentials.get(request);
      if (credential) send(credential);
    } catch (error) {
      if (mediation || mine.signal.aborted) return;
      if (failed) {
        if (error.name === 'InvalidStateError' && failed.dataset.exists) failed.textContent = failed.dataset.exists;
        failed.closest('[hidden]')?.removeAttribute('hidden');
      }
      button.disabled = false;
    }
  };

  button.addEventListener('click', (event) => {
    event.preventDefault();
    button.disabled = true;
    if (creates) named();
    ask(null);
  });
  form.hidden = false;
  document.getElementById('passkey-needs-script')?.remove();

  // Autofill: the browser offers passkeys beside the name. Not right after one of them was refused.
  const refused = document.querySelector('#sign-in-error[data-error="passkey_refused"]');
  if (!creates && !refused && document.getElementById('username') && PublicKeyCredential.isConditionalMediationAvailable) {
    PublicKeyCredential.isConditionalMediationAvailable().then((can) => {
      if (can && !running) ask('conditional');
    });
  }
})();
