-- What operators keep beside the protocol (who may administer, webhooks), and who changed what.

CREATE TABLE IF NOT EXISTS admin_records (
    issuer   bigint NOT NULL,
    kind     bigint NOT NULL,
    id       bytea  NOT NULL,
    revision bigint NOT NULL,
    record   bytea  NOT NULL,
    PRIMARY KEY (issuer, kind, id)
);

CREATE TABLE IF NOT EXISTS audit_lines (
    issuer bigint NOT NULL,
    seq    bigint NOT NULL,
    record bytea  NOT NULL,
    PRIMARY KEY (issuer, seq)
);
