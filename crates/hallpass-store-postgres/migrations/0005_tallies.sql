-- Numbers of days, and who was there in a month. Both are kept for some two years: the bucket says until when.

CREATE TABLE IF NOT EXISTS tallies (
    issuer bigint NOT NULL,
    bucket bigint NOT NULL,
    id     bytea  NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);

CREATE TABLE IF NOT EXISTS active_people (
    issuer bigint NOT NULL,
    bucket bigint NOT NULL,
    id     bytea  NOT NULL,
    PRIMARY KEY (issuer, bucket, id)
);
