--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);

CREATE SCHEMA main;

CREATE FUNCTION main.touched() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN NEW.modified_on = now(); RETURN NEW; END$$;

CREATE TABLE main.auth_clients (
    id integer NOT NULL,
    client_id character varying(50) NOT NULL,
    client_secret character varying(50) NOT NULL,
    redirect_url character varying(200),
    access_token_expiration integer DEFAULT 900 NOT NULL,
    refresh_token_expiration integer DEFAULT 86400 NOT NULL,
    auth_code_expiration integer DEFAULT 180 NOT NULL,
    secret character varying(50) NOT NULL,
    created_on timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    grant_types character varying(50)[],
    response_types character varying(50)[]
);

CREATE TABLE main.users (
    id uuid DEFAULT (md5(((random())::text || (clock_timestamp())::text)))::uuid NOT NULL,
    first_name character varying(50) NOT NULL,
    middle_name character varying(50),
    last_name character varying(50),
    username character varying(150) NOT NULL,
    email character varying(150),
    phone character varying(15),
    created_on timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    auth_client_ids integer[],
    gender character(1),
    dob date
);

CREATE TABLE main.user_credentials (
    id uuid,
    user_id uuid,
    auth_provider character varying(50),
    auth_id character varying(100),
    password character varying(60),
    deleted boolean,
    secret_key character varying(100)
);

CREATE TABLE main.tenants (
    id uuid,
    name character varying(100),
    status integer,
    key character varying(20),
    deleted boolean
);

CREATE TABLE main.roles (
    id uuid,
    name character varying(100),
    permissions text[],
    role_type integer,
    deleted boolean
);

CREATE TABLE main.user_tenants (
    id uuid,
    user_id uuid,
    tenant_id uuid,
    role_id uuid,
    status integer,
    locale character varying(5),
    deleted boolean
);

COPY main.auth_clients (id, client_id, client_secret, redirect_url, access_token_expiration, refresh_token_expiration, auth_code_expiration, secret, created_on, deleted, grant_types, response_types) FROM stdin;
1	shop	secret-of-the-shop	https://shop.example.com/callback	900	86400	180	unused	2026-03-01 08:00:00+00	f	{authorization_code,refresh_token}	{code}
2	portal	secret-of-the-portal	https://portal.example.com/a,https://portal.example.com/b	900	86400	180	unused	2026-03-01 08:00:00+00	f	\N	\N
3	nowhere	secret-of-nowhere	\N	900	86400	180	unused	2026-03-01 08:00:00+00	f	{authorization_code,implicit}	{code,id_token}
\.

COPY main.users (id, first_name, middle_name, last_name, username, email, phone, created_on, deleted, auth_client_ids, gender, dob) FROM stdin;
11111111-1111-4111-8111-111111111111	Ada	\N	Miller	ada	ada@example.com	+4930123456	2026-03-01 08:00:00+00	f	{1,2}	F	1990-02-03
22222222-2222-4222-8222-222222222222	Ben	\N	\N	ben	\N	\N	2026-03-01 08:00:00+00	f	{1}	\N	\N
\.

COPY main.user_credentials (id, user_id, auth_provider, auth_id, password, deleted, secret_key) FROM stdin;
33333333-3333-4333-8333-333333333333	11111111-1111-4111-8111-111111111111	internal	\N	$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.	f	\N
44444444-4444-4444-8444-444444444444	22222222-2222-4222-8222-222222222222	internal	\N	$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.	f	\N
\.

COPY main.tenants (id, name, status, key, deleted) FROM stdin;
55555555-5555-4555-8555-555555555555	Acme	1	acme	f
\.

COPY main.roles (id, name, permissions, role_type, deleted) FROM stdin;
66666666-6666-4666-8666-666666666666	Editor	{ViewPost,EditPost}	1	f
\.

COPY main.user_tenants (id, user_id, tenant_id, role_id, status, locale, deleted) FROM stdin;
77777777-7777-4777-8777-777777777777	11111111-1111-4111-8111-111111111111	55555555-5555-4555-8555-555555555555	66666666-6666-4666-8666-666666666666	1	en	f
\.

ALTER TABLE ONLY main.auth_clients
    ADD CONSTRAINT pk_auth_clients_id PRIMARY KEY (id);

CREATE TRIGGER mdt_users BEFORE UPDATE ON main.users FOR EACH ROW EXECUTE FUNCTION main.touched();

--
-- PostgreSQL database dump complete
--
