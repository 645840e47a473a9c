/** What a permission row grants on queues and exchanges (RabbitMQ page "Access Control"). */
export type Permission = 'configure' | 'write' | 'read';

/** On whose behalf an operation on a virtual host runs. */
export interface Actor {
  /** Identity of the connection: owner of exclusive queues. */
  readonly owner: object;
  readonly username: string;
  /** @throws AmqpError 403 ACCESS_REFUSED with RabbitMQ 3.10's text */
  require(permission: Permission, kind: 'queue' | 'exchange', name: string): void;
}
