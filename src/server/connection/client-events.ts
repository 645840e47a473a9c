import type { Account } from '../../access/back-end.ts';
import { flag, number, performedBy, terms, text } from '../../broker/events/entries.ts';
import type { EventHub } from '../../broker/events/event-hub.ts';
import type { VirtualHost } from '../../broker/virtual-host.ts';
import type { FieldEntry } from '../../protocol/field-table.ts';
import type { ClientProperties } from '../handshake/client-properties.ts';
import type { Session } from '../handshake/handshake.ts';
import type { Transport } from '../sockets/transport.ts';

/** As RabbitMQ's event exchange writes it. */
const protocol = '{0,9,1}';

/** The connection that is told of. All but its name and its ends is known only once it is open. */
export interface ReportedConnection {
  readonly name: string;
  readonly transport: Transport;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly user: Account;
  readonly vhost: VirtualHost;
  readonly client: ClientProperties;
}

/** A channel of it. */
export interface ReportedChannel {
  readonly id: number;
  readonly name: string;
}

/** Tells of the connections and channels of clients, with the details of RabbitMQ's events in its order. */
export class ClientEvents {
  readonly #hub: EventHub;
  readonly #connection: ReportedConnection;

  constructor(connection: ReportedConnection, hub: EventHub) {
    this.#hub = hub;
    this.#connection = connection;
  }

  loginSucceeded(user: string, mechanism: string): void {
    this.#login('user.authentication.success', user, mechanism);
  }

  /** `reason` is for the operator, not for the client. */
  loginFailed(user: string, mechanism: string, reason: string): void {
    this.#login('user.authentication.failure', user, mechanism, [text('error', reason)]);
  }

  #login(type: string, user: string, mechanism: string, more: readonly FieldEntry[] = []): void {
    const { name, transport } = this.#connection;
    this.#hub.tell(type, undefined, () => [
      flag('ssl', transport.tls !== undefined),
      text('auth_mechanism', mechanism),
      text('protocol', protocol),
      ...this.#ends(),
      text('connection_name', name),
      text('name', user),
      text('connection_type', 'network'),
      ...more,
    ]);
  }

  opened({ user, vhost, client, tuning, mechanism }: Session, node: string): void {
    const { name, transport, connectedAt } = this.#connection;
    const { tls } = transport;
    this.#hub.tell('connection.created', vhost.name, () => [
      performedBy(user.name),
      text('node', node),
      number('connected_at', connectedAt),
      terms('client_properties', client.table),
      number('channel_max', tuning.channelMax),
      number('frame_max', tuning.frameMax),
      number('timeout', tuning.heartbeat),
      text('vhost', vhost.name),
      text('user', user.name),
      text('protocol', protocol),
      text('ssl_cipher', tls?.cipher),
      text('ssl_protocol', tls?.version),
      text('auth_mechanism', mechanism),
      text('peer_cert_subject', tls?.certificate?.subject),
      text('peer_cert_issuer', tls?.certificate?.issuer),
      flag('ssl', tls !== undefined),
      ...this.#ends(),
      number('port', transport.ends.port),
      text('name', name),
      ...this.#self(),
    ]);
  }

  closed({ client, vhost }: Session, node: string): void {
    this.#hub.tell('connection.closed', vhost.name, () => [
      terms('client_properties', client.table),
      text('node', node),
      text('name', this.#connection.name),
      ...this.#self(),
    ]);
  }

  channelOpened(channel: ReportedChannel): void {
    const { user, vhost } = this.#connection;
    this.#hub.tell('channel.created', vhost.name, () => [
      performedBy(user.name),
      text('vhost', vhost.name),
      text('user', user.name),
      number('number', channel.id),
      text('connection', this.#hub.pidOf(this.#connection)),
      text('name', channel.name),
      text('pid', this.#hub.pidOf(channel)),
    ]);
  }

  channelClosed(channel: ReportedChannel): void {
    const { user, vhost } = this.#connection;
    this.#hub.tell('channel.closed', vhost.name, () => [
      performedBy(user.name),
      text('pid', this.#hub.pidOf(channel)),
    ]);
  }

  #ends(): FieldEntry[] {
    const { peerHost, peerPort, host } = this.#connection.transport.ends;
    return [
      text('peer_host', erlangAddress(peerHost)),
      text('host', erlangAddress(host)),
      number('peer_port', peerPort),
    ];
  }

  #self(): FieldEntry[] {
    const { client } = this.#connection;
    const given = client.table.get('connection_name');
    const name: FieldEntry[] = given === undefined ? [] : [['user_provided_name', given]];
    return [text('pid', this.#hub.pidOf(this.#connection)), ...name];
  }
}

/** `{127,0,0,1}`; what is not IPv4 stays as it is written. */
function erlangAddress(address: string): string {
  return /^[0-9.]+$/.test(address) ? `{${address.replaceAll('.', ',')}}` : address;
}
