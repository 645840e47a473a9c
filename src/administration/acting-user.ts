import { AsyncLocalStorage } from 'node:async_hooks';

const users = new AsyncLocalStorage<string>();

/** What RabbitMQ calls whoever uses the command line. */
const commandLine = 'rmq-cli';

/** Runs something on behalf of this user: events that tell of it say so. */
export function actAs<Result>(user: string, run: () => Result): Result {
  return users.run(user, run);
}

/** On whose behalf something is being changed; where nobody has said so, the operator's. */
export function actingUser(): string {
  return users.getStore() ?? commandLine;
}
