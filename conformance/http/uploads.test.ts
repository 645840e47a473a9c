/** Definitions the way the management page sends and fetches them: as a form, and with the login in the address. */

import { describe, expect, it } from 'vitest';
import { configureLeveret } from '../harness/broker.ts';
import { managementAvailable, managementUrl, request } from './api.ts';

configureLeveret({ managementPort: 0 });

const basic = Buffer.from('guest:guest').toString('base64');
const queue = (name: string, vhost?: string) => ({
  name,
  ...(vhost !== undefined && { vhost }),
  durable: false,
  auto_delete: false,
  arguments: {},
});

/** Sends a form; its `file` is a file where the part is a {@link File}. */
async function post(path: string, parts: Readonly<Record<string, string | File>>, login?: string) {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) {
    if (typeof part === 'string') form.append(name, part);
    else form.append(name, part);
  }
  const response = await fetch(`${managementUrl()}${path}`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
    headers: login === undefined ? {} : { authorization: `Basic ${login}` },
  });
  const text = await response.text();
  return { status: response.status, location: response.headers.get('location'), text };
}

const file = (content: unknown) =>
  new File([typeof content === 'string' ? content : JSON.stringify(content)], 'definitions.json');

async function expectQueue(name: string): Promise<void> {
  const { status } = await request('GET', `/api/queues/%2F/${name}`);
  await request('DELETE', `/api/queues/%2F/${name}`);
  expect(status).toBe(200);
}

describe.runIf(managementAvailable)('a form with definitions', () => {
  it('is imported', async () => {
    const sent = await post('/api/definitions', { file: file({ queues: [queue('form-a', '/')] }) }, basic);
    expect(sent).toMatchObject({ status: 204, text: '' });
    await expectQueue('form-a');
  });

  it('may have its login in the address', async () => {
    const path = `/api/definitions?auth=${encodeURIComponent(basic)}`;
    expect(await post(path, { file: file({ queues: [queue('form-b', '/')] }) })).toMatchObject({
      status: 204,
    });
    await expectQueue('form-b');
  });

  it('may be for one virtual host', async () => {
    const path = `/api/definitions/%2F?auth=${encodeURIComponent(basic)}`;
    expect(await post(path, { file: file({ queues: [queue('form-c')] }) })).toMatchObject({ status: 204 });
    await expectQueue('form-c');
  });

  it('may say where the browser is to go then', async () => {
    const sent = await post('/api/definitions', { redirect: '../#/', file: file({}) }, basic);
    expect(sent).toMatchObject({ status: 303, location: '../#/' });
  });

  it('may have the definitions as a plain field', async () => {
    const definitions = JSON.stringify({ queues: [queue('form-d', '/')] });
    expect(await post('/api/definitions', { file: definitions }, basic)).toMatchObject({ status: 204 });
    await expectQueue('form-d');
  });

  it('is refused if there is no file, or no JSON in it', async () => {
    for (const parts of [
      { other: 'x' },
      { file: file('nonsense') },
      { file: file('[]') },
      { file: file('{"a":') },
    ]) {
      const { status, text } = await post('/api/definitions', parts, basic);
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({ error: 'bad_request', reason: 'failed_to_parse_json' });
    }
  });

  it('is refused to a wrong login, and to none', async () => {
    const wrong = Buffer.from('guest:wrong').toString('base64');
    const parts = { file: file({}) };
    expect(await post(`/api/definitions?auth=${encodeURIComponent(wrong)}`, parts)).toMatchObject({
      status: 401,
    });
    expect(await post('/api/definitions?token=x', parts)).toMatchObject({ status: 401 });
    expect(await post('/api/definitions', parts)).toMatchObject({ status: 401 });
  });

  it('is taken where definitions are, and nowhere else', async () => {
    const form = new FormData();
    form.append('file', file({}));
    const response = await fetch(`${managementUrl()}/api/queues/%2F/form-e`, {
      method: 'PUT',
      body: form,
      headers: { authorization: `Basic ${basic}` },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'bad_request', reason: 'not_json' });
  });
});

describe.runIf(managementAvailable)('a link to download definitions', () => {
  it('has its login in the address, and names the file', async () => {
    const response = await fetch(
      `${managementUrl()}/api/definitions?download=broker.json&auth=${encodeURIComponent(basic)}`,
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="?broker\.json"?$/);
    expect(await response.json()).toHaveProperty('queues');
  });

  it('opens nothing else', async () => {
    const { status } = await request('GET', `/api/overview?auth=${basic}`, undefined, '');
    expect(status).toBe(401);
  });
});

describe.runIf(managementAvailable)('definitions as JSON', () => {
  it.each(['nonsense', '[]', '"x"'])('are refused when they are %s', async (body) => {
    const { status, body: answer } = await request('POST', '/api/definitions', body);
    expect(status).toBe(400);
    expect(answer).toMatchObject({ error: 'bad_request', reason: 'failed_to_parse_json' });
  });

  it('may be nothing, or begin with a byte order mark', async () => {
    expect((await request('POST', '/api/definitions', '')).status).toBe(204);
    expect((await request('POST', '/api/definitions', '\uFEFF{"queues":[]}')).status).toBe(204);
  });
});
