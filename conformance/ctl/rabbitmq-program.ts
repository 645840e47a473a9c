import { execFile } from 'node:child_process';

export interface EndedProgram {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Name of the node that `npm run conformance:rabbitmq` has started. */
export const nodeName = process.env['RABBITMQ_NODENAME'] ?? '';

/** Runs one of RabbitMQ's programs against that node. */
export function rabbitmqProgram(program: string, args: readonly string[]): Promise<EndedProgram> {
  const env = { ...process.env, HOME: process.env['CONFORMANCE_HOME'] };
  return new Promise((resolve) => {
    const child = execFile(
      `/usr/lib/rabbitmq/bin/${program}`,
      ['-n', nodeName, ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      },
    );
    child.stdin?.end();
  });
}
