import { describe, expect, it } from 'vitest';
import { AccessControl } from '../../src/access/access-control.ts';
import { AuthenticationFailure } from '../../src/access/authentication-failure.ts';
import { InternalBackEnd } from '../../src/access/internal-back-end.ts';
import { isLoopback } from '../../src/access/loopback.ts';
import { amqplain } from '../../src/access/mechanisms/amqplain.ts';
import { plain } from '../../src/access/mechanisms/plain.ts';
import {
  hashFast,
  hashingAlgorithms,
  hashPassword,
  importedHash,
  noPassword,
  verifyPassword,
} from '../../src/access/passwords/password-hash.ts';
import { UserPermission } from '../../src/access/permissions.ts';
import { UserActor } from '../../src/access/user-actor.ts';
import { PatternError } from '../../src/broker/policies/pattern-reader.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { writeTable } from '../../src/protocol/field-table-codec.ts';
import { tableFrom } from '../../src/protocol/plain-value.ts';

describe('password hashes', () => {
  it('verifies a hash that RabbitMQ made', async () => {
    // RabbitMQ's documentation, "Credentials and Passwords": password "test12", salt 908dc60a.
    const salt = Buffer.from('908dc60a', 'hex');
    const hash = 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR';
    expect(Buffer.from(hash, 'base64').subarray(0, 4)).toEqual(salt);
    const imported = importedHash(hash, 'rabbit_password_hashing_sha256');
    if (typeof imported === 'string') throw new Error(imported);
    expect(await verifyPassword('test12', imported)).toBe(true);
    expect(await verifyPassword('test13', imported)).toBe(false);
  });

  it.each(hashingAlgorithms)('%s: makes a different one each time', async (algorithm) => {
    const first = await hashPassword('secret', algorithm);
    expect(first).not.toEqual(await hashPassword('secret', algorithm));
    expect(await verifyPassword('secret', first)).toBe(true);
    expect(await verifyPassword('Secret', first)).toBe(false);
    // The length tells what it is, as in definition files that name no algorithm.
    expect(importedHash(first.hash, undefined)).toEqual(first);
    expect(importedHash(first.hash, algorithm)).toEqual(first);
  });

  it('never matches an empty password or hash', async () => {
    expect(await hashPassword('')).toEqual(noPassword);
    expect(await verifyPassword('', noPassword)).toBe(false);
    expect(await verifyPassword('', hashFast('x'))).toBe(false);
    expect(await verifyPassword('x', { ...noPassword, hash: 'bm90IGEgaGFzaA==' })).toBe(false);
  });

  it.each([
    ['not base64!', 'rabbit_password_hashing_sha256', 'password_hash is not valid base64'],
    ['kI3GCqW5', undefined, 'a password_hash of 6 bytes needs a hashing_algorithm'],
    ['kI3GCqW5', 'rabbit_password_hashing_md5', 'password_hash has 6 bytes, but'],
    ['kI3GCqW5', 'bcrypt', "unknown hashing_algorithm 'bcrypt'"],
    [
      Buffer.concat([Buffer.from([30, 8, 1]), Buffer.alloc(48)]).toString('base64'),
      undefined,
      'password_hash asks for more than',
    ],
  ])('refuses %s of %s', (hash, algorithm, fault) => {
    expect(importedHash(hash, algorithm)).toContain(fault);
  });
});

describe('PLAIN', () => {
  it('reads user and password', () => {
    const response = Buffer.from('\0jürgen\0pass wörd');
    expect(plain.credentials(response)).toEqual({ username: 'jürgen', password: 'pass wörd' });
  });

  it.each([
    ['', 'nothing'],
    ['guest\0guest', 'no leading NUL'],
    ['admin\0guest\0guest', 'an authorisation identity'],
    ['\0guest', 'no password'],
    ['\0guest\0guest\0', 'a third NUL'],
  ])('refuses %j: %s', (response) => {
    expect(() => plain.credentials(Buffer.from(response))).toThrow(AuthenticationFailure);
  });
});

describe('AMQPLAIN', () => {
  const response = (fields: Record<string, string | number>): Buffer => {
    const writer = new ByteWriter();
    writeTable(writer, tableFrom(fields));
    return writer.bytes().subarray(4);
  };

  it('reads a table without its length', () => {
    const credentials = amqplain.credentials(response({ LOGIN: 'guest', PASSWORD: 'secret' }));
    expect(credentials).toEqual({ username: 'guest', password: 'secret' });
  });

  it('refuses missing fields, other types and garbage', () => {
    expect(() => amqplain.credentials(response({ LOGIN: 'guest' }))).toThrow('missing LOGIN or PASSWORD');
    expect(() => amqplain.credentials(response({ LOGIN: 1, PASSWORD: 'x' }))).toThrow('missing LOGIN');
    expect(() => amqplain.credentials(Buffer.from('\x05LOG'))).toThrow(AuthenticationFailure);
    expect(() => amqplain.credentials(Buffer.alloc(0))).toThrow(AuthenticationFailure);
  });
});

describe('loopback', () => {
  it.each(['127.0.0.1', '127.9.8.7', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.2'])('is %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each([undefined, '', '10.0.0.1', '::2', '::ffff:10.0.0.1', '127.0.0.1.example.org', '1270.0.0.1'])(
    'is not %s',
    (address) => {
      expect(isLoopback(address)).toBe(false);
    },
  );
});

describe('access control', () => {
  const guestLogin = Buffer.from('\0guest\0guest');

  function withGuest(): AccessControl {
    const access = new AccessControl();
    access.addDefaultUser();
    return access;
  }

  it('lets guest in from this machine only', async () => {
    const access = withGuest();
    const user = await access.authenticate('PLAIN', guestLogin, '::1');
    expect(user).toMatchObject({ name: 'guest', tags: ['administrator'] });
    await expect(access.authenticate('PLAIN', guestLogin, '10.1.1.1')).rejects.toThrow(
      "user 'guest' can only connect via localhost",
    );
    const open = new AccessControl({ loopbackUsers: [] });
    open.addDefaultUser();
    await expect(open.authenticate('PLAIN', guestLogin, '10.1.1.1')).resolves.toMatchObject({
      name: 'guest',
    });
  });

  it('says no in the same way to a wrong user and a wrong password', async () => {
    const access = withGuest();
    const attempt = (response: string) => access.authenticate('PLAIN', Buffer.from(response), '::1');
    await expect(attempt('\0guest\0wrong')).rejects.toThrow("user 'guest' - invalid credentials");
    await expect(attempt('\0nobody\0nobody')).rejects.toThrow("user 'nobody' - invalid credentials");
    await expect(access.authenticate('GSSAPI', guestLogin, '::1')).rejects.toThrow(
      "unknown/invalid authentication mechanism 'GSSAPI'",
    );
  });

  it('offers its mechanisms in the order of RabbitMQ', () => {
    expect(new AccessControl().mechanismNames()).toBe('AMQPLAIN PLAIN');
  });
});

describe('permissions', () => {
  async function actorWith(configure: string, write: string, read: string) {
    const { users, permissions, topicPermissions } = new AccessControl();
    users.put({ name: 'u', password: noPassword, tags: [], limits: {} });
    permissions.put(new UserPermission({ vhost: '/', user: 'u', configure, write, read }));
    const backEnd = new InternalBackEnd({ users, permissions, topicPermissions });
    return { permissions, actor: new UserActor({}, await backEnd.authorize('u'), '/') };
  }

  it('matches anywhere in the name, and nothing when empty', async () => {
    const { actor } = await actorWith('', 'ord', '^orders$');
    expect(() => actor.require('write', 'exchange', 'my-orders')).not.toThrow();
    expect(() => actor.require('read', 'queue', 'orders')).not.toThrow();
    expect(() => actor.require('read', 'queue', 'my-orders')).toThrow(
      "ACCESS_REFUSED - access to queue 'my-orders' in vhost '/' refused for user 'u'",
    );
    expect(() => actor.require('configure', 'queue', 'orders')).toThrow('ACCESS_REFUSED');
  });

  it('calls the default exchange amq.default', async () => {
    const allowed = await actorWith('', '^amq\\.default$', '');
    expect(() => allowed.actor.require('write', 'exchange', '')).not.toThrow();
    const refused = await actorWith('.*', '^x$', '.*');
    expect(() => refused.actor.require('write', 'exchange', '')).toThrow(
      "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'",
    );
  });

  it('follows changes, remembered answers included', async () => {
    const { actor, permissions } = await actorWith('.*', '.*', '.*');
    actor.require('write', 'exchange', 'x');
    permissions.put(new UserPermission({ vhost: '/', user: 'u', configure: '.*', write: '^y$', read: '.*' }));
    expect(() => actor.require('write', 'exchange', 'x')).toThrow('ACCESS_REFUSED');
    permissions.delete('/', 'u');
    expect(() => actor.require('write', 'exchange', 'y')).toThrow('ACCESS_REFUSED');
  });

  it('remembers a bounded number of names', async () => {
    const { actor } = await actorWith('.*', '^x', '.*');
    for (let i = 0; i < 1000; i++) actor.require('write', 'exchange', `x${i}`);
    expect(() => actor.require('write', 'exchange', 'y')).toThrow('ACCESS_REFUSED');
  });

  it('refuses what is no regular expression', async () => {
    await expect(actorWith('[', '', '')).rejects.toThrow(PatternError);
  });
});
