-- When others have to know of a key or a root, so that one question finds what has changed for any number of issuers. What a
-- program from before writes keeps its 0 and is found by looking at each issuer.

ALTER TABLE signing_keys ADD COLUMN IF NOT EXISTS changed bigint NOT NULL DEFAULT 0;
ALTER TABLE roots ADD COLUMN IF NOT EXISTS changed bigint NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS signing_keys_changed ON signing_keys (changed);
CREATE INDEX IF NOT EXISTS roots_changed ON roots (changed);
