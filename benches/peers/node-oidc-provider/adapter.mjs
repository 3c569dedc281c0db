// An in-memory adapter that keeps everything until it expires. The package's own one keeps a
// thousand entries, fewer than the measured work needs: sessions and refresh tokens in use would
// be thrown out.

const entries = new Map();
const keysByGrant = new Map();
const keyBySessionUid = new Map();

const SWEEP_EVERY_MS = 10_000;

function forget(key) {
  const entry = entries.get(key);
  if (!entry) return;
  entries.delete(key);
  const { grantId, uid } = entry.payload;
  if (uid && keyBySessionUid.get(uid) === key) keyBySessionUid.delete(uid);
  const keys = grantId && keysByGrant.get(grantId);
  if (keys) {
    keys.delete(key);
    if (keys.size === 0) keysByGrant.delete(grantId);
  }
}

setInterval(() => {
  const now = Date.now();
  for (const [key, entry] of entries) {
    if (entry.expiresAt <= now) forget(key);
  }
}, SWEEP_EVERY_MS).unref();

export class Adapter {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const expiresAt = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    entries.set(key, { payload, expiresAt });
    if (payload.grantId && this.model !== 'Session' && this.model !== 'Grant') {
      const keys = keysByGrant.get(payload.grantId);
      if (keys) keys.add(key);
      else keysByGrant.set(payload.grantId, new Set([key]));
    }
    if (this.model === 'Session') keyBySessionUid.set(payload.uid, key);
  }

  read(key) {
    const entry = key && entries.get(key);
    if (!entry) return undefined;
    if (entry.expiresAt <= Date.now()) {
      forget(key);
      return undefined;
    }
    return entry.payload;
  }

  async find(id) {
    return this.read(this.key(id));
  }

  async findByUid(uid) {
    return this.read(keyBySessionUid.get(uid));
  }

  // No device flow is measured.
  async findByUserCode() {
    return undefined;
  }

  async consume(id) {
    const payload = this.read(this.key(id));
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    forget(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of [...(keysByGrant.get(grantId) ?? [])]) forget(key);
  }
}
