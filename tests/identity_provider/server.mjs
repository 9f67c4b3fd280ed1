// Two certified OpenID Connect providers on free ports of loopback, for tests alone.
//
// Prints one line of JSON with their issuers, then serves until its standard input closes.
// `POST /control/accounts` sets who exists ({sub: claims}); `POST /control/next` says who signs in
// at the next question, without a page being shown.

import { createServer } from 'node:http';
import { Provider, interactionPolicy } from 'oidc-provider';

const HOST = '127.0.0.1';
// The package refuses loopback for its own calls; the tests' back channel is there.
const callLoopback = (url, options) => {
  const { dispatcher: _refusing, ...rest } = options ?? {};
  return fetch(url, rest);
};

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

// Somebody whose account was taken away has to sign in again, which they cannot.
function policyOf(world) {
  const policy = interactionPolicy.base();
  policy.get('login').checks.add(new interactionPolicy.Check(
    'account_gone',
    'the account is gone',
    'login_required',
    (ctx) => Boolean(ctx.oidc.session.accountId) && !world.accounts[ctx.oidc.session.accountId],
  ));
  return policy;
}

function makeProvider(issuer, name, world) {
  const provider = new Provider(issuer, {
    findAccount: (_ctx, sub) => (world.accounts[sub]
      ? { accountId: sub, claims: () => ({ sub, ...world.accounts[sub] }) }
      : undefined),
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups'],
    },
    scopes: ['openid', 'email', 'profile'],
    acrValues: ['urn:example:mfa'],
    pkce: { required: () => true },
    fetch: callLoopback,
    cookies: {
      keys: [`${name}-cookie-key`],
      names: {
        interaction: `${name}_interaction`,
        resume: `${name}_resume`,
        session: `${name}_session`,
      },
    },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      registration: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    interactions: {
      policy: policyOf(world),
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
    },
    // Whoever signs in has agreed to everything that is asked for.
    async loadExistingGrant(ctx) {
      if (!ctx.oidc.session.accountId) return undefined;
      const grant = new ctx.oidc.provider.Grant({
        accountId: ctx.oidc.session.accountId,
        clientId: ctx.oidc.client.clientId,
      });
      grant.addOIDCScope(ctx.oidc.params.scope);
      await grant.save();
      return grant;
    },
    renderError: (ctx, out) => {
      ctx.type = 'json';
      ctx.body = out;
    },
    ttl: { Session: 3600, Interaction: 600, Grant: 3600, AccessToken: 600, IdToken: 600 },
  });
  provider.on('server_error', (_ctx, error) => process.stderr.write(`${error.stack}\n`));
  return provider;
}

const page = (uid) => `<!doctype html><meta charset="utf-8"><title>Sign in there</title>
<form method="post" action="/interaction/${uid}"><label>Name <input name="sub"></label>
<button>Sign in</button></form>`;

async function interact(provider, world, request, response) {
  const uid = request.url.split('/')[2];
  if (request.method === 'GET' && !world.next) {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(page(uid));
    return;
  }
  const given = request.method === 'POST' ? new URLSearchParams(await bodyOf(request)) : null;
  const accountId = given ? given.get('sub') : world.next;
  world.next = '';
  const result = accountId === 'nobody'
    ? { error: 'access_denied', error_description: 'not given this application' }
    : { login: { accountId, acr: world.acr || undefined } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function control(world, request, response) {
  const given = JSON.parse(await bodyOf(request));
  const what = request.url.split('/')[2];
  if (what === 'accounts') world.accounts = given;
  if (what === 'next') Object.assign(world, { next: given.sub, acr: given.acr ?? '' });
  response.writeHead(204).end();
}

async function serve(name) {
  const server = createServer();
  await new Promise((done) => { server.listen(0, HOST, done); });
  const issuer = `http://${HOST}:${server.address().port}`;
  const world = { accounts: {}, next: '', acr: '' };
  const provider = makeProvider(issuer, name, world);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const own = { control: () => control(world, request, response),
      interaction: () => interact(provider, world, request, response) }[request.url.split('/')[1]];
    const done = own ? own() : answer(request, response);
    Promise.resolve(done).catch((error) => {
      process.stderr.write(`${error.stack}\n`);
      response.writeHead(500).end(String(error));
    });
  });
  return issuer;
}

const issuers = [await serve('north'), await serve('south')];
process.stdout.write(`${JSON.stringify(issuers)}\n`);
// The tests hold the other end: when they are gone, so is this.
process.stdin.resume().on('end', () => process.exit(0));
