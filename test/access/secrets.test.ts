import amqplib from 'amqplib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Logs } from '../../src/logs/logs.ts';
import { LogOutput } from '../../src/logs/output.ts';
import { HttpClient } from '../management/http-client.ts';

/** Each is recognised wherever it turns up, as it is or in Base64. */
const secrets = {
  password: 'tops3cret-password',
  wrong: 'wr0ng-password',
  token: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0b3BzM2NyZXQifQ.c2lnbmF0dXJl',
  service: 's3rvice-password',
  uri: 'upstr3am-password',
};

let logged = '';
const destination = {
  write: (text: string) => {
    logged += text;
  },
};
let broker: RunningBroker;
let http: HttpClient;

beforeAll(async () => {
  // Nobody listens there: what is said about a back end that fails is looked at, too.
  const service = `http://leveret:${secrets.service}@127.0.0.1:9`;
  broker = await startBroker({
    port: 0,
    managementPort: 0,
    refusalDelayMs: 20,
    logger: new Logs({ console: await LogOutput.to(destination, { level: 'debug', formatter: 'json' }) }),
    authentication: {
      backEnds: ['internal', 'http', 'oauth2'],
      http: {
        method: 'get',
        userPath: `${service}/user`,
        vhostPath: `${service}/vhost`,
        resourcePath: `${service}/resource`,
      },
      oauth2: { resourceServerId: 'rabbitmq', signingKeys: new Map(), jwksUrl: `${service}/keys` },
    },
  });
  http = new HttpClient(broker.managementPort);
});

afterAll(() => broker.close());

it('passwords and tokens are in no log and in no answer', async () => {
  const answers: string[] = [];
  const send = async (method: string, path: string, body?: unknown, login?: string) => {
    const options = { ...(body !== undefined && { body }), ...(login !== undefined && { login }) };
    answers.push((await http.send(method, path, options)).text);
  };
  await send('PUT', '/api/users/ann', { password: secrets.password, tags: 'administrator' });
  await send('PUT', '/api/permissions/%2F/ann', { configure: '.*', write: '.*', read: '.*' });
  await send('PUT', '/api/users/bob', { password: secrets.password });
  await send('PUT', '/api/users/bob', { password: [secrets.password], tags: '' });
  await send('PUT', '/api/users/bob', { password_hash: secrets.password, tags: '' });
  await send('POST', '/api/definitions', {
    users: [{ name: 'eve', password_hash: secrets.password, tags: '' }],
  });
  await send('POST', '/api/definitions', `{"users":[{"password_hash":"${secrets.password}"`);
  await send('GET', '/api/whoami', undefined, `ann:${secrets.password}`);
  await send('GET', '/api/whoami', undefined, `ann:${secrets.wrong}`);
  const encoded = Buffer.from(`ann:${secrets.wrong}`).toString('base64');
  await send('GET', `/api/definitions?auth=${encoded}&columns=rabbit_version`, undefined, '');
  await send('GET', `/api/definitions?token=${secrets.token}`, undefined, '');
  await send('GET', `/api/nothing?auth=${encoded}`, undefined, '');
  const upstream = { uri: `amqp://far:${secrets.uri}@far` };
  await send('PUT', '/api/parameters/federation-upstream/%2F/far', { value: upstream });
  const bearer = { headers: { authorization: `Bearer ${secrets.token}` }, login: '' };
  answers.push((await http.get('/api/whoami', bearer)).text);

  const attempt = async (user: string, password: string) => {
    const { port } = broker;
    const login = amqplib.connect({ hostname: '127.0.0.1', port, username: user, password });
    return login.catch((error: unknown) => void answers.push(String(error)));
  };
  await attempt('ann', secrets.wrong);
  await attempt('', secrets.token);
  const connection = await attempt('ann', secrets.password);
  if (connection === undefined) throw new Error('ann was not let in');
  await connection.updateSecret(Buffer.from(secrets.token), 'a new one');
  await connection.close();

  // That something was written shows that this looks in the right place.
  await expect.poll(() => logged).toContain("created user 'ann'");
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)]) {
      expect(logged, `the ${name} in the log`).not.toContain(form);
      expect(answers.join('\n'), `the ${name} in an answer`).not.toContain(form);
    }
  }
  expect(logged).not.toContain(encoded);
});
