import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { listenableHost } from '../../src/server/sockets/any-address.ts';

const common = { mac: '00:00:00:00:00:00', internal: true };
const ipv4: NetworkInterfaceInfo = {
  ...common,
  family: 'IPv4',
  address: '127.0.0.1',
  netmask: '255.0.0.0',
  cidr: '127.0.0.1/8',
};
const ipv6: NetworkInterfaceInfo = {
  ...common,
  family: 'IPv6',
  address: '::1',
  netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  scopeid: 0,
  cidr: '::1/128',
};

test('every address is asked for in the way the machine understands', () => {
  expect(listenableHost('::', { lo: [ipv4, ipv6] })).toBe('::');
  expect(listenableHost('::', { lo: [ipv4] })).toBe('0.0.0.0');
  expect(listenableHost('127.0.0.1', { lo: [ipv4] })).toBe('127.0.0.1');
});
