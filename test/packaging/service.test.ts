import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-packaging-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Node has no datagram sockets in the file system: what systemd would receive, a line each. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    for line in s.recv(4096).decode().splitlines(): print(line, flush=True)
`;

import { programPath } from '../programs.ts';

describe.skipIf(!existsSync('/usr/bin/systemd-notify') || !existsSync('/usr/bin/python3'))(
  'under systemd (needs systemd-notify and python3)',
  () => {
    it('says when it serves, answers the watchdog and says when it stops', async () => {
      const socket = join(directory, 'notify');
      const systemd = spawn('/usr/bin/python3', ['-c', receiver, socket]);
      const lines: string[] = [];
      const output = createInterface({ input: systemd.stdout });
      output.on('line', (line) => lines.push(line));
      const received = async (line: string) => {
        while (!lines.includes(line)) await once(output, 'line');
      };
      await received('bound');
      const args = ['--host', '127.0.0.1', '--port', '0', '--management-port', 'none', '--data-dir'];
      const broker = spawn(
        process.execPath,
        [programPath('leveret'), 'server', ...args, join(directory, 'data')],
        { env: { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '300000' }, stdio: 'ignore' },
      );
      try {
        const exit = once(broker, 'exit');
        await received('READY=1');
        await received('WATCHDOG=1');
        broker.kill('SIGTERM');
        await received('STOPPING=1');
        expect(await exit).toEqual([0, null]);
      } finally {
        broker.kill('SIGKILL');
        systemd.kill('SIGKILL');
      }
    });
  },
);
