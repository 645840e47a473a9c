import { expect, test } from 'vitest';
import {
  addUser,
  addVirtualHost,
  changePassword,
  clearPermissions,
  deleteUser,
  deleteVirtualHost,
  EVERYTHING,
  setPermissions,
  setTopicPermissions,
  setUserLimits,
  setVhostLimits,
} from '../harness/access.ts';
import {
  brokerName,
  exchangeName,
  openChannel,
  openConnection,
  queueName,
  scenarios,
} from '../harness/broker.ts';
import { CONTROL_TIMEOUT_MS, controllable } from '../harness/control.ts';
import {
  expectChannelError,
  expectConnectionError,
  expectOn,
  getText,
  settled,
} from '../harness/expectations.ts';
import { type OpenOptions, plainResponse } from '../raw-client.ts';

const login = (user: string, password = user): OpenOptions => ({ response: plainResponse(user, password) });

function controlled(title: string, body: () => Promise<void>): void {
  test.skipIf(!controllable)(title, body, CONTROL_TIMEOUT_MS);
}

scenarios('6 users and virtual hosts', () => {
  controlled('a deleted user is disconnected and cannot come back', async () => {
    const user = await addUser();
    const connection = await openConnection(login(user));
    await connection.channel();
    await deleteUser(user);
    await expectConnectionError(connection.closedByServer(), {
      code: 320,
      text: `CONNECTION_FORCED - user '${user}' is deleted`,
      method: '0/0',
    });
    await expect(openConnection(login(user))).rejects.toMatchObject({ code: 403 });
  });

  controlled('a changed password counts for the next login', async () => {
    const user = await addUser();
    const channel = await openChannel(login(user));
    await changePassword(user, 'other');
    await channel.call('queue.declare', { queue: queueName(), exclusive: true });
    await expect(openConnection(login(user))).rejects.toMatchObject({ code: 403 });
    await openConnection(login(user, 'other'));
  });

  controlled('who is connected to a deleted virtual host is disconnected', async () => {
    const vhost = await addVirtualHost();
    const connection = await openConnection({ virtualHost: vhost });
    await connection.channel();
    await deleteVirtualHost(vhost);
    await expectConnectionError(connection.closedByServer(), {
      code: 320,
      text: expectOn<string | RegExp>({
        rabbitmq: /^CONNECTION_FORCED - vhost '.*' is (down|deleted)$/,
        leveret: `CONNECTION_FORCED - vhost '${vhost}' is deleted`,
      }),
      method: '0/0',
    });
    await expectConnectionError(openConnection({ virtualHost: vhost }), {
      code: 530,
      text: `NOT_ALLOWED - vhost ${vhost} not found`,
      method: 'connection.open',
    });
  });

  controlled('changed permissions hold on open channels', async () => {
    const user = await addUser();
    const queue = queueName();
    const connection = await openConnection(login(user));
    const [used, fresh] = [await connection.channel(), await connection.channel()];
    const owner = await openChannel();
    await owner.call('queue.declare', { queue, 'auto-delete': true });
    await used.call('basic.get', { queue });
    await setPermissions(user, ['^$', '^$', '^other$']);
    const refusal = {
      code: 403,
      text: `ACCESS_REFUSED - access to queue '${queue}' in vhost '/' refused for user '${user}'`,
    };
    await expectChannelError(fresh.call('basic.get', { queue }), { ...refusal, method: 'basic.get' });
    // RabbitMQ's channels remember what they were allowed last until they have nothing to do for a while.
    const again = used.call('basic.get', { queue });
    if (brokerName === 'rabbitmq') await again;
    else await expectChannelError(again, { ...refusal, method: 'basic.get' });
  });

  controlled('changed permissions hold for a publisher', async () => {
    const user = await addUser();
    const exchange = exchangeName();
    const channel = await openChannel(login(user));
    await channel.call('exchange.declare', { exchange, type: 'fanout', 'auto-delete': true });
    await channel.call('confirm.select');
    channel.publish({ exchange });
    await settled(channel, 1);
    await setPermissions(user, ['^$', '^other$', '.*']);
    channel.publish({ exchange });
    if (brokerName === 'rabbitmq') {
      await settled(channel, 1);
      return;
    }
    await expectChannelError(channel.closedByServer(), {
      code: 403,
      text: `ACCESS_REFUSED - access to exchange '${exchange}' in vhost '/' refused for user '${user}'`,
      method: 'basic.publish',
    });
  });

  controlled('cleared permissions leave the connection, which may do nothing more', async () => {
    const user = await addUser();
    const queue = queueName();
    const connection = await openConnection(login(user));
    await clearPermissions(user);
    const channel = await connection.channel();
    await expectChannelError(channel.call('queue.declare', { queue }), {
      code: 403,
      text: `ACCESS_REFUSED - access to queue '${queue}' in vhost '/' refused for user '${user}'`,
      method: 'queue.declare',
    });
    await expectConnectionError(openConnection(login(user)), {
      code: 530,
      text: `NOT_ALLOWED - access to vhost '/' refused for user '${user}'`,
      method: 'connection.open',
    });
  });

  controlled('the tag impersonator allows any user_id, no other does', async () => {
    const [impostor, user] = [
      await addUser(EVERYTHING, ['impersonator']),
      await addUser(EVERYTHING, ['monitoring']),
    ];
    const queue = queueName();
    const channel = await openChannel(login(impostor));
    await channel.call('queue.declare', { queue, 'auto-delete': true });
    channel.publish({ routingKey: queue, body: 'as guest', properties: { 'user-id': 'guest' } });
    expect(await getText(channel, queue)).toBe('as guest');
    const other = await openChannel(login(user));
    other.publish({ routingKey: queue, body: 'as myself', properties: { 'user-id': user } });
    other.publish({ routingKey: queue, properties: { 'user-id': 'guest' } });
    await expectChannelError(other.closedByServer(), {
      code: 406,
      text: `PRECONDITION_FAILED - user_id property set to 'guest' but authenticated user was '${user}'`,
      method: 'basic.publish',
    });
  });

  controlled('patterns are found anywhere, empty ones nowhere', async () => {
    const user = await addUser(['', '^$', 'ead']);
    const queue = queueName('readable');
    const owner = await openChannel();
    await owner.call('queue.declare', { queue, 'auto-delete': true });
    const channel = await openChannel(login(user));
    await channel.call('basic.get', { queue });
    await expectChannelError(channel.call('queue.delete', { queue }), {
      code: 403,
      text: `ACCESS_REFUSED - access to queue '${queue}' in vhost '/' refused for user '${user}'`,
      method: 'queue.delete',
    });
  });
});

scenarios('6 topic permissions', () => {
  const refusal = (key: string, exchange: string, user: string) =>
    `ACCESS_REFUSED - access to topic '${key}' in exchange '${exchange}' in vhost '/' refused for user '${user}'`;

  controlled('limit the routing keys of publishes and bindings', async () => {
    const user = await addUser();
    const [exchange, queue] = [exchangeName(), queueName()];
    const owner = await openChannel();
    await owner.call('exchange.declare', { exchange, type: 'topic', 'auto-delete': true });
    await owner.call('queue.declare', { queue, 'auto-delete': true });
    await owner.call('queue.bind', { queue, exchange, 'routing-key': '#' });
    await setTopicPermissions(user, exchange, '^{username}\\.', '^{vhost}');
    const connection = await openConnection(login(user));

    const allowed = await connection.channel();
    allowed.publish({ exchange, routingKey: `${user}.x`, body: 'mine' });
    allowed.publish({ exchange: 'amq.topic', routingKey: 'anything' });
    await allowed.call('queue.bind', { queue, exchange, 'routing-key': '/x' });
    await allowed.call('queue.bind', { queue, exchange: 'amq.topic', 'routing-key': 'anything' });
    expect(await getText(allowed, queue)).toBe('mine');

    const publisher = await connection.channel();
    publisher.publish({ exchange, routingKey: `${user}.x` });
    publisher.publish({ exchange, routingKey: 'guest.x' });
    await expectChannelError(publisher.closedByServer(), {
      code: 403,
      text: refusal('guest.x', exchange, user),
      method: 'basic.publish',
    });
    for (const method of ['queue.bind', 'queue.unbind'] as const) {
      const channel = await connection.channel();
      await expectChannelError(channel.call(method, { queue, exchange, 'routing-key': 'x/' }), {
        code: 403,
        text: refusal('x/', exchange, user),
        method,
      });
    }
    const binder = await connection.channel();
    const bind = { destination: 'amq.fanout', source: exchange, 'routing-key': 'no' };
    await expectChannelError(binder.call('exchange.bind', bind), {
      code: 403,
      text: refusal('no', exchange, user),
      method: 'exchange.bind',
    });
  });

  controlled('are not asked for CC keys, nor by other types of exchange', async () => {
    const user = await addUser();
    const [topic, direct, queue] = [exchangeName(), exchangeName(), queueName()];
    const owner = await openChannel();
    await owner.call('exchange.declare', { exchange: topic, type: 'topic', 'auto-delete': true });
    await owner.call('exchange.declare', { exchange: direct, type: 'direct', 'auto-delete': true });
    await owner.call('queue.declare', { queue, 'auto-delete': true });
    await owner.call('queue.bind', { queue, exchange: topic, 'routing-key': 'cc' });
    await owner.call('queue.bind', { queue, exchange: direct, 'routing-key': 'x' });
    for (const exchange of [topic, direct]) await setTopicPermissions(user, exchange, '^a$', '^a$');
    const channel = await openChannel(login(user));
    channel.publish({ exchange: topic, routingKey: 'a', body: '1', properties: { headers: { CC: ['cc'] } } });
    channel.publish({ exchange: direct, routingKey: 'x', body: '2' });
    expect([await getText(channel, queue), await getText(channel, queue)]).toEqual(['1', '2']);
  });
});

scenarios('6 limits of virtual hosts and users', () => {
  controlled('max-connections of a virtual host', async () => {
    const vhost = await addVirtualHost();
    await setVhostLimits(vhost, { 'max-connections': 1 });
    const connection = await openConnection({ virtualHost: vhost });
    await expectConnectionError(openConnection({ virtualHost: vhost }), {
      code: 530,
      text: `NOT_ALLOWED - access to vhost '${vhost}' refused for user 'guest': connection limit (1) is reached`,
      method: 'connection.open',
    });
    await setVhostLimits(vhost, { 'max-connections': -1 });
    await openConnection({ virtualHost: vhost });
    await setVhostLimits(vhost, { 'max-connections': 0 });
    await expectConnectionError(openConnection({ virtualHost: vhost }), {
      code: 530,
      text: `NOT_ALLOWED - access to vhost '${vhost}' refused for user 'guest': connection limit (0) is reached`,
      method: 'connection.open',
    });
    await connection.channel();
  });

  controlled('max-queues of a virtual host', async () => {
    const vhost = await addVirtualHost();
    await setVhostLimits(vhost, { 'max-queues': 1 });
    const channel = await openChannel({ virtualHost: vhost });
    await channel.call('queue.declare', { queue: 'one' });
    await channel.call('queue.declare', { queue: 'one' });
    await expectChannelError(channel.call('queue.declare', { queue: 'two', exclusive: true }), {
      code: 406,
      text: `PRECONDITION_FAILED - cannot declare queue 'two': queue limit in vhost '${vhost}' (1) is reached`,
      method: 'queue.declare',
    });
  });

  controlled('max-connections of a user', async () => {
    const user = await addUser();
    await setUserLimits(user, { 'max-connections': 1 });
    await openConnection(login(user));
    await expectConnectionError(openConnection(login(user)), {
      code: 530,
      text: `NOT_ALLOWED - connection refused for user '${user}': user connection limit (1) is reached`,
      method: 'connection.open',
    });
  });

  controlled('max-channels of a user, over all connections', async () => {
    const user = await addUser();
    await setUserLimits(user, { 'max-channels': 2 });
    const [first, second] = [await openConnection(login(user)), await openConnection(login(user))];
    await first.channel();
    await second.channel();
    await expectConnectionError(second.channel(), {
      code: 530,
      text: `NOT_ALLOWED - number of channels opened for user '${user}' has reached the maximum allowed user limit of (2)`,
      method: '0/0',
    });
  });
});
