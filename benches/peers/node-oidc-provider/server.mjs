// node-oidc-provider, set up for the work that `cargo xtask bench` measures: everything in
// memory, the lifetimes of a fresh Hallpass, an ES256 key and an RS256 key, and a sign-in that
// answers itself, so that no page has to be driven.
//
//   NODE_ENV=production node server.mjs PORT [JWK]
//
// With the public key of a client there is one, "keyed", that pushes its requests, authenticates by assertions and binds
// its tokens to a key.
//
// The first line of standard output is one JSON object in the form of `hallpass serve --demo --json`.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';

import { Adapter } from './adapter.mjs';

const port = Number(process.argv[2] ?? 3001);
const issuer = `http://127.0.0.1:${port}`;
const redirectUri = 'http://127.0.0.1:9/callback';
const account = 'demo';

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

function secret() {
  return randomBytes(32).toString('base64url');
}

function signingKey(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg };
}

// One resource for each algorithm, so that the caller picks the algorithm by naming the resource.
const resources = new Map([
  ['https://es256.api.example', 'ES256'],
  ['https://rs256.api.example', 'RS256'],
]);

const clients = [
  {
    client_id: 'public',
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  },
  {
    client_id: 'confidential',
    client_secret: secret(),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
  },
  {
    client_id: 'resource-server',
    client_secret: secret(),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [],
    grant_types: [],
    response_types: [],
  },
];

const clientKey = process.argv[3];
if (clientKey) {
  clients.push({
    client_id: 'keyed',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [JSON.parse(clientKey)] },
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  });
}

const provider = new Provider(issuer, {
  adapter: Adapter,
  clients,
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: {
    keys: [
      signingKey('ec', { namedCurve: 'P-256' }, 'ES256'),
      signingKey('rsa', { modulusLength: 2048 }, 'RS256'),
    ],
  },
  cookies: { keys: [secret()] },
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 10 * MINUTE,
    AuthorizationCode: MINUTE,
    ClientCredentials: 10 * MINUTE,
    Grant: 14 * DAY,
    IdToken: 10 * MINUTE,
    Interaction: 10 * MINUTE,
    RefreshToken: 14 * DAY,
    Session: 14 * DAY,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true },
    introspection: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 10 * MINUTE,
        scope: '',
        jwt: { sign: { alg: resources.get(resource) ?? 'ES256' } },
      }),
    },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(_ctx, sub) {
    return {
      accountId: sub,
      claims: async () => ({
        sub,
        name: 'Demo User',
        email: 'demo@example.com',
        email_verified: true,
      }),
    };
  },
});

// Signs the one account in and allows whatever was asked for.
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  let result;
  if (prompt.name === 'login') {
    result = { login: { accountId: account } };
  } else {
    const accountId = session.accountId;
    const known = grantId ? await provider.Grant.find(grantId) : undefined;
    const grant = known ?? new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, {
    mergeWithLastSubmission: prompt.name !== 'login',
  });
}

const protocol = provider.callback();
const server = createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    protocol(request, response);
    return;
  }
  interact(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
});

provider.on('server_error', (_ctx, error) => console.error(error));
server.listen(port, '127.0.0.1', () => {
  const shown = clients.map(({ client_id, client_secret, redirect_uris, grant_types }) => ({
    client_id,
    client_secret,
    redirect_uris,
    grant_types,
  }));
  console.log(JSON.stringify({ issuer, user: { username: account, password: '' }, clients: shown }));
});
process.on('SIGTERM', () => process.exit(0));
