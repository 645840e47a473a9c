import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainResponse, RawConnection } from '../../conformance/raw-client.ts';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Ctl } from './ctl-harness.ts';

let broker: RunningBroker;
let program: Ctl;
let connection: RawConnection;

const ctl = (...args: string[]) => program.print(...args);

function connect(user = 'guest'): Promise<RawConnection> {
  return RawConnection.open(`amqp://127.0.0.1:${broker.port}`, { response: plainResponse(user, user) });
}

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  program = Ctl.over(broker);
  connection = await connect();
  const channel = await connection.channel();
  await channel.call('queue.declare', { queue: 'q', durable: true });
  await channel.call('queue.bind', {
    queue: 'q',
    exchange: 'amq.topic',
    'routing-key': 'a.#',
    arguments: { x: 1 },
  });
  await channel.call('basic.consume', { queue: 'q', 'consumer-tag': 'tag1' });
});

afterAll(async () => {
  connection.destroy();
  await broker.close();
});

// What is expected here is what rabbitmqctl 3.10.8 prints, but for process ids, which are names.

describe('lists', () => {
  it('exchanges', async () => {
    const listed = await ctl('list_exchanges');
    expect(listed).toMatch(/^Listing exchanges for vhost \/ \.\.\.\nname\ttype\n/);
    expect(listed).toContain('\namq.topic\ttopic\n');
    expect(await ctl('-s', 'list_exchanges', 'type', 'durable', 'name')).toContain('direct\ttrue\t\n');
  });

  it('bindings', async () => {
    expect(await ctl('list_bindings')).toBe(
      'Listing bindings for vhost /...\n' +
        'source_name\tsource_kind\tdestination_name\tdestination_kind\trouting_key\targuments\n' +
        '\texchange\tq\tqueue\tq\t[]\namq.topic\texchange\tq\tqueue\ta.#\t[{"x",1}]\n',
    );
  });

  it('connections, channels and consumers', async () => {
    const port = connection.socket.localPort;
    const name = `127.0.0.1:${port} -> 127.0.0.1:${broker.port}`;
    expect(await ctl('list_connections')).toBe(
      `Listing connections ...\nuser\tpeer_host\tpeer_port\tstate\nguest\t127.0.0.1\t${port}\trunning\n`,
    );
    expect(await ctl('-s', 'list_connections', 'pid,channels')).toBe(`${name}\t1\n`);
    expect(await ctl('-q', 'list_channels')).toBe(
      `pid\tuser\tconsumer_count\tmessages_unacknowledged\n${name} (1)\tguest\t1\t0\n`,
    );
    expect(await ctl('list_consumers')).toBe(
      'Listing consumers in vhost / ...\n' +
        'queue_name\tchannel_pid\tconsumer_tag\tack_required\tprefetch_count\tactive\targuments\n' +
        `q\t${name} (1)\ttag1\ttrue\t0\ttrue\t[]\n`,
    );
  });

  it('write characters that steer a terminal as escapes, but not in JSON', async () => {
    const channel = await connection.channel();
    const queue = 'evil\x1b[31m\tname\u202e';
    await channel.call('queue.declare', { queue, exclusive: true });
    expect(await ctl('-s', 'list_queues', 'name', 'messages')).toContain('evil\\x1b[31m\\tname\\u202e\t0\n');
    expect(await ctl('-s', 'list_queues', 'name', '--formatter', 'pretty_table')).toContain(
      ' evil\\x1b[31m\\tname\\u202e ',
    );
    const json = JSON.parse(await ctl('-s', 'list_queues', 'name', '--formatter', 'json'));
    expect(json).toContainEqual({ name: queue });
    await channel.call('queue.delete', { queue });
  });

  it('have what queues hold, in messages and bytes', async () => {
    const channel = await connection.channel();
    await channel.call('queue.declare', { queue: 'full', durable: true, arguments: { 'x-max-priority': 2 } });
    await channel.call('confirm.select', {});
    for (const [body, deliveryMode] of [
      ['one', 1],
      ['three', 2],
      ['seventeen', 1],
    ] as const)
      channel.publish({ routingKey: 'full', body, properties: { 'delivery-mode': deliveryMode } });
    await channel.call('basic.get', { queue: 'full', 'no-ack': false });
    const columns = [
      'messages_ram',
      'messages_persistent',
      'messages_unacknowledged_ram',
      'message_bytes',
      'message_bytes_ready',
      'message_bytes_unacknowledged',
      'message_bytes_persistent',
      'message_bytes_ram',
    ];
    const [listed] = (await ctl('-s', 'list_queues', 'name', ...columns))
      .split('\n')
      .filter((line) => line.startsWith('full\t'));
    expect(listed).toBe('full\t3\t1\t1\t17\t14\t3\t5\t17');
    await channel.call('queue.delete', { queue: 'full' });
  });

  it('are of a virtual host that exists', async () => {
    for (const list of ['list_exchanges', 'list_bindings', 'list_consumers']) {
      expect(await program.exitCode(list, '-p', 'nope')).toBe(ExitCode.Data);
      expect(await program.exitCode(list, 'colour')).toBe(ExitCode.Usage);
    }
  });
});

describe('queues', () => {
  it('are purged and deleted', async () => {
    const channel = await connection.channel();
    await channel.call('queue.declare', { queue: 'doomed' });
    await channel.call('confirm.select');
    for (let i = 0; i < 3; i++) channel.publish({ routingKey: 'doomed' });
    await channel.next('basic.ack');
    expect(await program.exitCode('delete_queue', 'doomed', '--if-empty')).toBe(ExitCode.Unavailable);
    expect(await ctl('purge_queue', 'doomed')).toBe("Purging queue 'doomed' in vhost '/' ...\n");
    expect(await ctl('delete_queue', 'doomed', '--if-empty')).toBe(
      "Deleting queue 'doomed' on vhost '/' if queue is empty ...\n" +
        'Queue was successfully deleted with 0 ready messages\n',
    );
    expect(await program.exitCode('delete_queue', 'doomed')).toBe(ExitCode.Usage);
    expect(await program.exitCode('purge_queue', 'doomed')).toBe(ExitCode.Unavailable);
  });
});

describe('streams', () => {
  it('how far they go, and which consumers they remember', async () => {
    const node = `leveret@${hostname()}`;
    const channel = await connection.channel();
    const queue = 'log';
    await channel.call('queue.declare', { queue, durable: true, arguments: { 'x-queue-type': 'stream' } });
    const columns = 'role\tnode\toffset\tcommitted_offset\tfirst_offset\treaders\tsegments\n';
    expect(await ctl('stream_status', queue)).toBe(
      `Status of stream log ...\n${columns}writer\t${node}\t-1\t-1\t0\t0\t1\n`,
    );
    await channel.call('confirm.select', {});
    for (const body of ['a', 'b', 'c']) channel.publish({ routingKey: queue, body });
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    const args = { 'x-stream-offset': 'first', 'x-stream-automatic-offset-tracking': true };
    await channel.call('basic.consume', { queue, 'consumer-tag': 'billing', arguments: args });
    const first = await channel.next('basic.deliver');
    channel.send('basic.ack', { 'delivery-tag': first.fields['delivery-tag'] ?? 0 });
    await channel.call('basic.qos', { 'prefetch-count': 2 });
    expect(await ctl('-s', 'stream_status', queue)).toBe(`writer\t${node}\t2\t2\t0\t1\t1\n`);
    expect(await ctl('-s', 'list_consumers', 'consumer_tag', 'offset', 'offset_lag')).toContain(
      'billing\t3\t0\n',
    );
    expect(await ctl('-q', 'stream_status', queue, '--tracking')).toBe(
      'type\treference\tvalue\noffset\tbilling\t1\n',
    );
    expect(await ctl('-s', 'list_queues', 'name', 'leader', 'members')).toContain(
      `log\t${node}\t["${node}"]\n`,
    );
    await channel.call('queue.delete', { queue });
    await channel.close();
  });
});

describe('connections', () => {
  it('are closed, one, all of a user, all of a virtual host', async () => {
    const { administration } = broker;
    const everything = { configure: '.*', write: '.*', read: '.*' };
    await administration.users.put({ name: 'ann', password: 'ann' });
    await administration.permissions.put({ vhost: '/', user: 'ann', ...everything });
    const closed = async (one: RawConnection) => (await one.closedByServer()).text;

    const [first, second] = [await connect(), await connect('ann')];
    const name = `127.0.0.1:${first.socket.localPort} -> 127.0.0.1:${broker.port}`;
    expect(await ctl('close_connection', name, 'go away')).toBe(
      `Closing connection ${name}, reason: go away...\n`,
    );
    expect(await closed(first)).toBe('CONNECTION_FORCED - go away');
    expect(await program.exitCode('close_connection', 'nobody', 'x')).toBe(ExitCode.Unavailable);
    await ctl('close_all_user_connections', 'ann', 'bye');
    expect(await closed(second)).toBe('CONNECTION_FORCED - bye');
    // Those that are on their way out may count.
    expect(await ctl('close_all_connections', '-p', '/', 'all')).toMatch(
      /^Closing all connections in vhost \/, reason: all\.\.\.\nClosed [1-3] connections\n$/,
    );
    expect(await closed(connection)).toBe('CONNECTION_FORCED - all');
  });
});
