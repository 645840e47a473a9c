import { networkInterfaces } from 'node:os';

/**
 * The address to listen on. `::` means every address, of IPv4 too; on a machine where IPv6 is switched off
 * it cannot be listened on, and `0.0.0.0` means the same there.
 */
export function listenableHost(host: string, interfaces = networkInterfaces()): string {
  if (host !== '::') return host;
  const addresses = Object.values(interfaces).flatMap((of) => of ?? []);
  return addresses.some(({ family }) => family === 'IPv6') ? host : '0.0.0.0';
}
