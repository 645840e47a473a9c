// Generated from spec/amqp.ts by spec/generate.ts (npm run generate). Change those, not this.

import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { AmqpError, ReplyCode } from './errors.ts';
import type { FieldTable } from './field-table.ts';
import { writeTable } from './field-table-codec.ts';

/** Class id << 16 | method id: the first four octets of a method frame's payload. */
export const MethodId = {
  ConnectionStart: 0x000a000a,
  ConnectionStartOk: 0x000a000b,
  ConnectionSecure: 0x000a0014,
  ConnectionSecureOk: 0x000a0015,
  ConnectionTune: 0x000a001e,
  ConnectionTuneOk: 0x000a001f,
  ConnectionOpen: 0x000a0028,
  ConnectionOpenOk: 0x000a0029,
  ConnectionClose: 0x000a0032,
  ConnectionCloseOk: 0x000a0033,
  ConnectionBlocked: 0x000a003c,
  ConnectionUnblocked: 0x000a003d,
  ConnectionUpdateSecret: 0x000a0046,
  ConnectionUpdateSecretOk: 0x000a0047,
  ChannelOpen: 0x0014000a,
  ChannelOpenOk: 0x0014000b,
  ChannelFlow: 0x00140014,
  ChannelFlowOk: 0x00140015,
  ChannelClose: 0x00140028,
  ChannelCloseOk: 0x00140029,
  AccessRequest: 0x001e000a,
  AccessRequestOk: 0x001e000b,
  ExchangeDeclare: 0x0028000a,
  ExchangeDeclareOk: 0x0028000b,
  ExchangeDelete: 0x00280014,
  ExchangeDeleteOk: 0x00280015,
  ExchangeBind: 0x0028001e,
  ExchangeBindOk: 0x0028001f,
  ExchangeUnbind: 0x00280028,
  ExchangeUnbindOk: 0x00280033,
  QueueDeclare: 0x0032000a,
  QueueDeclareOk: 0x0032000b,
  QueueBind: 0x00320014,
  QueueBindOk: 0x00320015,
  QueuePurge: 0x0032001e,
  QueuePurgeOk: 0x0032001f,
  QueueDelete: 0x00320028,
  QueueDeleteOk: 0x00320029,
  QueueUnbind: 0x00320032,
  QueueUnbindOk: 0x00320033,
  BasicQos: 0x003c000a,
  BasicQosOk: 0x003c000b,
  BasicConsume: 0x003c0014,
  BasicConsumeOk: 0x003c0015,
  BasicCancel: 0x003c001e,
  BasicCancelOk: 0x003c001f,
  BasicPublish: 0x003c0028,
  BasicReturn: 0x003c0032,
  BasicDeliver: 0x003c003c,
  BasicGet: 0x003c0046,
  BasicGetOk: 0x003c0047,
  BasicGetEmpty: 0x003c0048,
  BasicAck: 0x003c0050,
  BasicReject: 0x003c005a,
  BasicRecoverAsync: 0x003c0064,
  BasicRecover: 0x003c006e,
  BasicRecoverOk: 0x003c006f,
  BasicNack: 0x003c0078,
  ConfirmSelect: 0x0055000a,
  ConfirmSelectOk: 0x0055000b,
  TxSelect: 0x005a000a,
  TxSelectOk: 0x005a000b,
  TxCommit: 0x005a0014,
  TxCommitOk: 0x005a0015,
  TxRollback: 0x005a001e,
  TxRollbackOk: 0x005a001f,
} as const;

export type MethodId = (typeof MethodId)[keyof typeof MethodId];

const names: ReadonlyMap<number, string> = new Map([
  [0x000a000a, 'connection.start'],
  [0x000a000b, 'connection.start-ok'],
  [0x000a0014, 'connection.secure'],
  [0x000a0015, 'connection.secure-ok'],
  [0x000a001e, 'connection.tune'],
  [0x000a001f, 'connection.tune-ok'],
  [0x000a0028, 'connection.open'],
  [0x000a0029, 'connection.open-ok'],
  [0x000a0032, 'connection.close'],
  [0x000a0033, 'connection.close-ok'],
  [0x000a003c, 'connection.blocked'],
  [0x000a003d, 'connection.unblocked'],
  [0x000a0046, 'connection.update-secret'],
  [0x000a0047, 'connection.update-secret-ok'],
  [0x0014000a, 'channel.open'],
  [0x0014000b, 'channel.open-ok'],
  [0x00140014, 'channel.flow'],
  [0x00140015, 'channel.flow-ok'],
  [0x00140028, 'channel.close'],
  [0x00140029, 'channel.close-ok'],
  [0x001e000a, 'access.request'],
  [0x001e000b, 'access.request-ok'],
  [0x0028000a, 'exchange.declare'],
  [0x0028000b, 'exchange.declare-ok'],
  [0x00280014, 'exchange.delete'],
  [0x00280015, 'exchange.delete-ok'],
  [0x0028001e, 'exchange.bind'],
  [0x0028001f, 'exchange.bind-ok'],
  [0x00280028, 'exchange.unbind'],
  [0x00280033, 'exchange.unbind-ok'],
  [0x0032000a, 'queue.declare'],
  [0x0032000b, 'queue.declare-ok'],
  [0x00320014, 'queue.bind'],
  [0x00320015, 'queue.bind-ok'],
  [0x0032001e, 'queue.purge'],
  [0x0032001f, 'queue.purge-ok'],
  [0x00320028, 'queue.delete'],
  [0x00320029, 'queue.delete-ok'],
  [0x00320032, 'queue.unbind'],
  [0x00320033, 'queue.unbind-ok'],
  [0x003c000a, 'basic.qos'],
  [0x003c000b, 'basic.qos-ok'],
  [0x003c0014, 'basic.consume'],
  [0x003c0015, 'basic.consume-ok'],
  [0x003c001e, 'basic.cancel'],
  [0x003c001f, 'basic.cancel-ok'],
  [0x003c0028, 'basic.publish'],
  [0x003c0032, 'basic.return'],
  [0x003c003c, 'basic.deliver'],
  [0x003c0046, 'basic.get'],
  [0x003c0047, 'basic.get-ok'],
  [0x003c0048, 'basic.get-empty'],
  [0x003c0050, 'basic.ack'],
  [0x003c005a, 'basic.reject'],
  [0x003c0064, 'basic.recover-async'],
  [0x003c006e, 'basic.recover'],
  [0x003c006f, 'basic.recover-ok'],
  [0x003c0078, 'basic.nack'],
  [0x0055000a, 'confirm.select'],
  [0x0055000b, 'confirm.select-ok'],
  [0x005a000a, 'tx.select'],
  [0x005a000b, 'tx.select-ok'],
  [0x005a0014, 'tx.commit'],
  [0x005a0015, 'tx.commit-ok'],
  [0x005a001e, 'tx.rollback'],
  [0x005a001f, 'tx.rollback-ok'],
]);

/** `basic.publish`; `class.method` in figures for an id that does not exist. */
export function methodName(id: number): string {
  return names.get(id) ?? `${id >>> 16}.${id & 0xffff}`;
}

/** connection.start, sent by the server, which waits for the answer. */
export interface ConnectionStart {
  readonly id: typeof MethodId.ConnectionStart;
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly serverProperties: FieldTable;
  readonly mechanisms: Buffer;
  readonly locales: Buffer;
}

/** connection.start-ok, sent by the client. */
export interface ConnectionStartOk {
  readonly id: typeof MethodId.ConnectionStartOk;
  readonly clientProperties: FieldTable;
  readonly mechanism: string;
  readonly response: Buffer;
  readonly locale: string;
}

/** connection.secure, sent by the server, which waits for the answer. */
export interface ConnectionSecure {
  readonly id: typeof MethodId.ConnectionSecure;
  readonly challenge: Buffer;
}

/** connection.secure-ok, sent by the client. */
export interface ConnectionSecureOk {
  readonly id: typeof MethodId.ConnectionSecureOk;
  readonly response: Buffer;
}

/** connection.tune, sent by the server, which waits for the answer. */
export interface ConnectionTune {
  readonly id: typeof MethodId.ConnectionTune;
  readonly channelMax: number;
  readonly frameMax: number;
  readonly heartbeat: number;
}

/** connection.tune-ok, sent by the client. */
export interface ConnectionTuneOk {
  readonly id: typeof MethodId.ConnectionTuneOk;
  readonly channelMax: number;
  readonly frameMax: number;
  readonly heartbeat: number;
}

/** connection.open, sent by the client, which waits for the answer. */
export interface ConnectionOpen {
  readonly id: typeof MethodId.ConnectionOpen;
  readonly virtualHost: string;
}

/** connection.open-ok, sent by the server. */
export interface ConnectionOpenOk {
  readonly id: typeof MethodId.ConnectionOpenOk;
}

/** connection.close, sent by either side, which waits for the answer. */
export interface ConnectionClose {
  readonly id: typeof MethodId.ConnectionClose;
  readonly replyCode: number;
  readonly replyText: string;
  readonly classId: number;
  readonly methodId: number;
}

/** connection.close-ok, sent by either side. */
export interface ConnectionCloseOk {
  readonly id: typeof MethodId.ConnectionCloseOk;
}

/** connection.blocked, sent by the server. */
export interface ConnectionBlocked {
  readonly id: typeof MethodId.ConnectionBlocked;
  readonly reason: string;
}

/** connection.unblocked, sent by the server. */
export interface ConnectionUnblocked {
  readonly id: typeof MethodId.ConnectionUnblocked;
}

/** connection.update-secret, sent by the client, which waits for the answer. */
export interface ConnectionUpdateSecret {
  readonly id: typeof MethodId.ConnectionUpdateSecret;
  readonly newSecret: Buffer;
  readonly reason: string;
}

/** connection.update-secret-ok, sent by the server. */
export interface ConnectionUpdateSecretOk {
  readonly id: typeof MethodId.ConnectionUpdateSecretOk;
}

/** channel.open, sent by the client, which waits for the answer. */
export interface ChannelOpen {
  readonly id: typeof MethodId.ChannelOpen;
}

/** channel.open-ok, sent by the server. */
export interface ChannelOpenOk {
  readonly id: typeof MethodId.ChannelOpenOk;
}

/** channel.flow, sent by either side, which waits for the answer. */
export interface ChannelFlow {
  readonly id: typeof MethodId.ChannelFlow;
  readonly active: boolean;
}

/** channel.flow-ok, sent by either side. */
export interface ChannelFlowOk {
  readonly id: typeof MethodId.ChannelFlowOk;
  readonly active: boolean;
}

/** channel.close, sent by either side, which waits for the answer. */
export interface ChannelClose {
  readonly id: typeof MethodId.ChannelClose;
  readonly replyCode: number;
  readonly replyText: string;
  readonly classId: number;
  readonly methodId: number;
}

/** channel.close-ok, sent by either side. */
export interface ChannelCloseOk {
  readonly id: typeof MethodId.ChannelCloseOk;
}

/** access.request, sent by the client, which waits for the answer. */
export interface AccessRequest {
  readonly id: typeof MethodId.AccessRequest;
  readonly realm: string;
  readonly exclusive: boolean;
  readonly passive: boolean;
  readonly active: boolean;
  readonly write: boolean;
  readonly read: boolean;
}

/** access.request-ok, sent by the server. */
export interface AccessRequestOk {
  readonly id: typeof MethodId.AccessRequestOk;
  readonly ticket: number;
}

/** exchange.declare, sent by the client, which waits for the answer. */
export interface ExchangeDeclare {
  readonly id: typeof MethodId.ExchangeDeclare;
  readonly exchange: string;
  readonly type: string;
  readonly passive: boolean;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** exchange.declare-ok, sent by the server. */
export interface ExchangeDeclareOk {
  readonly id: typeof MethodId.ExchangeDeclareOk;
}

/** exchange.delete, sent by the client, which waits for the answer. */
export interface ExchangeDelete {
  readonly id: typeof MethodId.ExchangeDelete;
  readonly exchange: string;
  readonly ifUnused: boolean;
  readonly noWait: boolean;
}

/** exchange.delete-ok, sent by the server. */
export interface ExchangeDeleteOk {
  readonly id: typeof MethodId.ExchangeDeleteOk;
}

/** exchange.bind, sent by the client, which waits for the answer. */
export interface ExchangeBind {
  readonly id: typeof MethodId.ExchangeBind;
  readonly destination: string;
  readonly source: string;
  readonly routingKey: string;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** exchange.bind-ok, sent by the server. */
export interface ExchangeBindOk {
  readonly id: typeof MethodId.ExchangeBindOk;
}

/** exchange.unbind, sent by the client, which waits for the answer. */
export interface ExchangeUnbind {
  readonly id: typeof MethodId.ExchangeUnbind;
  readonly destination: string;
  readonly source: string;
  readonly routingKey: string;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** exchange.unbind-ok, sent by the server. */
export interface ExchangeUnbindOk {
  readonly id: typeof MethodId.ExchangeUnbindOk;
}

/** queue.declare, sent by the client, which waits for the answer. */
export interface QueueDeclare {
  readonly id: typeof MethodId.QueueDeclare;
  readonly queue: string;
  readonly passive: boolean;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** queue.declare-ok, sent by the server. */
export interface QueueDeclareOk {
  readonly id: typeof MethodId.QueueDeclareOk;
  readonly queue: string;
  readonly messageCount: number;
  readonly consumerCount: number;
}

/** queue.bind, sent by the client, which waits for the answer. */
export interface QueueBind {
  readonly id: typeof MethodId.QueueBind;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** queue.bind-ok, sent by the server. */
export interface QueueBindOk {
  readonly id: typeof MethodId.QueueBindOk;
}

/** queue.purge, sent by the client, which waits for the answer. */
export interface QueuePurge {
  readonly id: typeof MethodId.QueuePurge;
  readonly queue: string;
  readonly noWait: boolean;
}

/** queue.purge-ok, sent by the server. */
export interface QueuePurgeOk {
  readonly id: typeof MethodId.QueuePurgeOk;
  readonly messageCount: number;
}

/** queue.delete, sent by the client, which waits for the answer. */
export interface QueueDelete {
  readonly id: typeof MethodId.QueueDelete;
  readonly queue: string;
  readonly ifUnused: boolean;
  readonly ifEmpty: boolean;
  readonly noWait: boolean;
}

/** queue.delete-ok, sent by the server. */
export interface QueueDeleteOk {
  readonly id: typeof MethodId.QueueDeleteOk;
  readonly messageCount: number;
}

/** queue.unbind, sent by the client, which waits for the answer. */
export interface QueueUnbind {
  readonly id: typeof MethodId.QueueUnbind;
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** queue.unbind-ok, sent by the server. */
export interface QueueUnbindOk {
  readonly id: typeof MethodId.QueueUnbindOk;
}

/** basic.qos, sent by the client, which waits for the answer. */
export interface BasicQos {
  readonly id: typeof MethodId.BasicQos;
  readonly prefetchSize: number;
  readonly prefetchCount: number;
  readonly global: boolean;
}

/** basic.qos-ok, sent by the server. */
export interface BasicQosOk {
  readonly id: typeof MethodId.BasicQosOk;
}

/** basic.consume, sent by the client, which waits for the answer. */
export interface BasicConsume {
  readonly id: typeof MethodId.BasicConsume;
  readonly queue: string;
  readonly consumerTag: string;
  readonly noLocal: boolean;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly noWait: boolean;
  readonly arguments: FieldTable;
}

/** basic.consume-ok, sent by the server. */
export interface BasicConsumeOk {
  readonly id: typeof MethodId.BasicConsumeOk;
  readonly consumerTag: string;
}

/** basic.cancel, sent by either side, which waits for the answer. */
export interface BasicCancel {
  readonly id: typeof MethodId.BasicCancel;
  readonly consumerTag: string;
  readonly noWait: boolean;
}

/** basic.cancel-ok, sent by either side. */
export interface BasicCancelOk {
  readonly id: typeof MethodId.BasicCancelOk;
  readonly consumerTag: string;
}

/** basic.publish, sent by the client, with content. */
export interface BasicPublish {
  readonly id: typeof MethodId.BasicPublish;
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
  readonly immediate: boolean;
}

/** basic.return, sent by the server, with content. */
export interface BasicReturn {
  readonly id: typeof MethodId.BasicReturn;
  readonly replyCode: number;
  readonly replyText: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/** basic.deliver, sent by the server, with content. */
export interface BasicDeliver {
  readonly id: typeof MethodId.BasicDeliver;
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
}

/** basic.get, sent by the client, which waits for the answer. */
export interface BasicGet {
  readonly id: typeof MethodId.BasicGet;
  readonly queue: string;
  readonly noAck: boolean;
}

/** basic.get-ok, sent by the server, with content. */
export interface BasicGetOk {
  readonly id: typeof MethodId.BasicGetOk;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageCount: number;
}

/** basic.get-empty, sent by the server. */
export interface BasicGetEmpty {
  readonly id: typeof MethodId.BasicGetEmpty;
}

/** basic.ack, sent by either side. */
export interface BasicAck {
  readonly id: typeof MethodId.BasicAck;
  readonly deliveryTag: number;
  readonly multiple: boolean;
}

/** basic.reject, sent by the client. */
export interface BasicReject {
  readonly id: typeof MethodId.BasicReject;
  readonly deliveryTag: number;
  readonly requeue: boolean;
}

/** basic.recover-async, sent by the client. */
export interface BasicRecoverAsync {
  readonly id: typeof MethodId.BasicRecoverAsync;
  readonly requeue: boolean;
}

/** basic.recover, sent by the client, which waits for the answer. */
export interface BasicRecover {
  readonly id: typeof MethodId.BasicRecover;
  readonly requeue: boolean;
}

/** basic.recover-ok, sent by the server. */
export interface BasicRecoverOk {
  readonly id: typeof MethodId.BasicRecoverOk;
}

/** basic.nack, sent by either side. */
export interface BasicNack {
  readonly id: typeof MethodId.BasicNack;
  readonly deliveryTag: number;
  readonly multiple: boolean;
  readonly requeue: boolean;
}

/** confirm.select, sent by the client, which waits for the answer. */
export interface ConfirmSelect {
  readonly id: typeof MethodId.ConfirmSelect;
  readonly noWait: boolean;
}

/** confirm.select-ok, sent by the server. */
export interface ConfirmSelectOk {
  readonly id: typeof MethodId.ConfirmSelectOk;
}

/** tx.select, sent by the client, which waits for the answer. */
export interface TxSelect {
  readonly id: typeof MethodId.TxSelect;
}

/** tx.select-ok, sent by the server. */
export interface TxSelectOk {
  readonly id: typeof MethodId.TxSelectOk;
}

/** tx.commit, sent by the client, which waits for the answer. */
export interface TxCommit {
  readonly id: typeof MethodId.TxCommit;
}

/** tx.commit-ok, sent by the server. */
export interface TxCommitOk {
  readonly id: typeof MethodId.TxCommitOk;
}

/** tx.rollback, sent by the client, which waits for the answer. */
export interface TxRollback {
  readonly id: typeof MethodId.TxRollback;
}

/** tx.rollback-ok, sent by the server. */
export interface TxRollbackOk {
  readonly id: typeof MethodId.TxRollbackOk;
}

/** What a client may send. */
export type ClientMethod =
  | ConnectionStartOk
  | ConnectionSecureOk
  | ConnectionTuneOk
  | ConnectionOpen
  | ConnectionClose
  | ConnectionCloseOk
  | ConnectionUpdateSecret
  | ChannelOpen
  | ChannelFlow
  | ChannelFlowOk
  | ChannelClose
  | ChannelCloseOk
  | AccessRequest
  | ExchangeDeclare
  | ExchangeDelete
  | ExchangeBind
  | ExchangeUnbind
  | QueueDeclare
  | QueueBind
  | QueuePurge
  | QueueDelete
  | QueueUnbind
  | BasicQos
  | BasicConsume
  | BasicCancel
  | BasicCancelOk
  | BasicPublish
  | BasicGet
  | BasicAck
  | BasicReject
  | BasicRecoverAsync
  | BasicRecover
  | BasicNack
  | ConfirmSelect
  | TxSelect
  | TxCommit
  | TxRollback;

/** What a server may send. */
export type ServerMethod =
  | ConnectionStart
  | ConnectionSecure
  | ConnectionTune
  | ConnectionOpenOk
  | ConnectionClose
  | ConnectionCloseOk
  | ConnectionBlocked
  | ConnectionUnblocked
  | ConnectionUpdateSecretOk
  | ChannelOpenOk
  | ChannelFlow
  | ChannelFlowOk
  | ChannelClose
  | ChannelCloseOk
  | AccessRequestOk
  | ExchangeDeclareOk
  | ExchangeDeleteOk
  | ExchangeBindOk
  | ExchangeUnbindOk
  | QueueDeclareOk
  | QueueBindOk
  | QueuePurgeOk
  | QueueDeleteOk
  | QueueUnbindOk
  | BasicQosOk
  | BasicConsumeOk
  | BasicCancel
  | BasicCancelOk
  | BasicReturn
  | BasicDeliver
  | BasicGetOk
  | BasicGetEmpty
  | BasicAck
  | BasicRecoverOk
  | BasicNack
  | ConfirmSelectOk
  | TxSelectOk
  | TxCommitOk
  | TxRollbackOk;

export type Method = ClientMethod | ServerMethod;

const noBytes = Buffer.alloc(0);

/**
 * The arguments of method `id` are buffer[start,end).
 *
 * Throws AmqpError: 503 `unimplemented method` for an id that does not exist and 501 for arguments that cannot
 * be decoded, both with class and method set; 501 `Malformed UTF-8 in shortstr` without, as RabbitMQ sends it
 * (on channel 0 it adds them).
 */
export function decodeMethod(id: number, buffer: Buffer, start: number, end: number): Method {
  const reader = new ByteReader(buffer, start, end, id);
  const method = decodeArguments(id, reader);
  reader.finish();
  return method;
}

/** Appends class id, method id and arguments: the payload of a method frame. */
export function encodeMethod(writer: ByteWriter, method: Method): void {
  switch (method.id) {
    case MethodId.ConnectionStart:
      encodeConnectionStart(
        writer,
        method.versionMajor,
        method.versionMinor,
        method.serverProperties,
        method.mechanisms,
        method.locales,
      );
      break;
    case MethodId.ConnectionStartOk:
      encodeConnectionStartOk(
        writer,
        method.clientProperties,
        method.mechanism,
        method.response,
        method.locale,
      );
      break;
    case MethodId.ConnectionSecure:
      encodeConnectionSecure(writer, method.challenge);
      break;
    case MethodId.ConnectionSecureOk:
      encodeConnectionSecureOk(writer, method.response);
      break;
    case MethodId.ConnectionTune:
      encodeConnectionTune(writer, method.channelMax, method.frameMax, method.heartbeat);
      break;
    case MethodId.ConnectionTuneOk:
      encodeConnectionTuneOk(writer, method.channelMax, method.frameMax, method.heartbeat);
      break;
    case MethodId.ConnectionOpen:
      encodeConnectionOpen(writer, method.virtualHost);
      break;
    case MethodId.ConnectionOpenOk:
      encodeConnectionOpenOk(writer);
      break;
    case MethodId.ConnectionClose:
      encodeConnectionClose(writer, method.replyCode, method.replyText, method.classId, method.methodId);
      break;
    case MethodId.ConnectionCloseOk:
      encodeConnectionCloseOk(writer);
      break;
    case MethodId.ConnectionBlocked:
      encodeConnectionBlocked(writer, method.reason);
      break;
    case MethodId.ConnectionUnblocked:
      encodeConnectionUnblocked(writer);
      break;
    case MethodId.ConnectionUpdateSecret:
      encodeConnectionUpdateSecret(writer, method.newSecret, method.reason);
      break;
    case MethodId.ConnectionUpdateSecretOk:
      encodeConnectionUpdateSecretOk(writer);
      break;
    case MethodId.ChannelOpen:
      encodeChannelOpen(writer);
      break;
    case MethodId.ChannelOpenOk:
      encodeChannelOpenOk(writer);
      break;
    case MethodId.ChannelFlow:
      encodeChannelFlow(writer, method.active);
      break;
    case MethodId.ChannelFlowOk:
      encodeChannelFlowOk(writer, method.active);
      break;
    case MethodId.ChannelClose:
      encodeChannelClose(writer, method.replyCode, method.replyText, method.classId, method.methodId);
      break;
    case MethodId.ChannelCloseOk:
      encodeChannelCloseOk(writer);
      break;
    case MethodId.AccessRequest:
      encodeAccessRequest(
        writer,
        method.realm,
        method.exclusive,
        method.passive,
        method.active,
        method.write,
        method.read,
      );
      break;
    case MethodId.AccessRequestOk:
      encodeAccessRequestOk(writer, method.ticket);
      break;
    case MethodId.ExchangeDeclare:
      encodeExchangeDeclare(
        writer,
        method.exchange,
        method.type,
        method.passive,
        method.durable,
        method.autoDelete,
        method.internal,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.ExchangeDeclareOk:
      encodeExchangeDeclareOk(writer);
      break;
    case MethodId.ExchangeDelete:
      encodeExchangeDelete(writer, method.exchange, method.ifUnused, method.noWait);
      break;
    case MethodId.ExchangeDeleteOk:
      encodeExchangeDeleteOk(writer);
      break;
    case MethodId.ExchangeBind:
      encodeExchangeBind(
        writer,
        method.destination,
        method.source,
        method.routingKey,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.ExchangeBindOk:
      encodeExchangeBindOk(writer);
      break;
    case MethodId.ExchangeUnbind:
      encodeExchangeUnbind(
        writer,
        method.destination,
        method.source,
        method.routingKey,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.ExchangeUnbindOk:
      encodeExchangeUnbindOk(writer);
      break;
    case MethodId.QueueDeclare:
      encodeQueueDeclare(
        writer,
        method.queue,
        method.passive,
        method.durable,
        method.exclusive,
        method.autoDelete,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.QueueDeclareOk:
      encodeQueueDeclareOk(writer, method.queue, method.messageCount, method.consumerCount);
      break;
    case MethodId.QueueBind:
      encodeQueueBind(
        writer,
        method.queue,
        method.exchange,
        method.routingKey,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.QueueBindOk:
      encodeQueueBindOk(writer);
      break;
    case MethodId.QueuePurge:
      encodeQueuePurge(writer, method.queue, method.noWait);
      break;
    case MethodId.QueuePurgeOk:
      encodeQueuePurgeOk(writer, method.messageCount);
      break;
    case MethodId.QueueDelete:
      encodeQueueDelete(writer, method.queue, method.ifUnused, method.ifEmpty, method.noWait);
      break;
    case MethodId.QueueDeleteOk:
      encodeQueueDeleteOk(writer, method.messageCount);
      break;
    case MethodId.QueueUnbind:
      encodeQueueUnbind(writer, method.queue, method.exchange, method.routingKey, method.arguments);
      break;
    case MethodId.QueueUnbindOk:
      encodeQueueUnbindOk(writer);
      break;
    case MethodId.BasicQos:
      encodeBasicQos(writer, method.prefetchSize, method.prefetchCount, method.global);
      break;
    case MethodId.BasicQosOk:
      encodeBasicQosOk(writer);
      break;
    case MethodId.BasicConsume:
      encodeBasicConsume(
        writer,
        method.queue,
        method.consumerTag,
        method.noLocal,
        method.noAck,
        method.exclusive,
        method.noWait,
        method.arguments,
      );
      break;
    case MethodId.BasicConsumeOk:
      encodeBasicConsumeOk(writer, method.consumerTag);
      break;
    case MethodId.BasicCancel:
      encodeBasicCancel(writer, method.consumerTag, method.noWait);
      break;
    case MethodId.BasicCancelOk:
      encodeBasicCancelOk(writer, method.consumerTag);
      break;
    case MethodId.BasicPublish:
      encodeBasicPublish(writer, method.exchange, method.routingKey, method.mandatory, method.immediate);
      break;
    case MethodId.BasicReturn:
      encodeBasicReturn(writer, method.replyCode, method.replyText, method.exchange, method.routingKey);
      break;
    case MethodId.BasicDeliver:
      encodeBasicDeliver(
        writer,
        method.consumerTag,
        method.deliveryTag,
        method.redelivered,
        method.exchange,
        method.routingKey,
      );
      break;
    case MethodId.BasicGet:
      encodeBasicGet(writer, method.queue, method.noAck);
      break;
    case MethodId.BasicGetOk:
      encodeBasicGetOk(
        writer,
        method.deliveryTag,
        method.redelivered,
        method.exchange,
        method.routingKey,
        method.messageCount,
      );
      break;
    case MethodId.BasicGetEmpty:
      encodeBasicGetEmpty(writer);
      break;
    case MethodId.BasicAck:
      encodeBasicAck(writer, method.deliveryTag, method.multiple);
      break;
    case MethodId.BasicReject:
      encodeBasicReject(writer, method.deliveryTag, method.requeue);
      break;
    case MethodId.BasicRecoverAsync:
      encodeBasicRecoverAsync(writer, method.requeue);
      break;
    case MethodId.BasicRecover:
      encodeBasicRecover(writer, method.requeue);
      break;
    case MethodId.BasicRecoverOk:
      encodeBasicRecoverOk(writer);
      break;
    case MethodId.BasicNack:
      encodeBasicNack(writer, method.deliveryTag, method.multiple, method.requeue);
      break;
    case MethodId.ConfirmSelect:
      encodeConfirmSelect(writer, method.noWait);
      break;
    case MethodId.ConfirmSelectOk:
      encodeConfirmSelectOk(writer);
      break;
    case MethodId.TxSelect:
      encodeTxSelect(writer);
      break;
    case MethodId.TxSelectOk:
      encodeTxSelectOk(writer);
      break;
    case MethodId.TxCommit:
      encodeTxCommit(writer);
      break;
    case MethodId.TxCommitOk:
      encodeTxCommitOk(writer);
      break;
    case MethodId.TxRollback:
      encodeTxRollback(writer);
      break;
    case MethodId.TxRollbackOk:
      encodeTxRollbackOk(writer);
      break;
  }
}

function decodeArguments(id: number, reader: ByteReader): Method {
  switch (id) {
    case MethodId.ConnectionStart:
      return decodeConnectionStart(reader);
    case MethodId.ConnectionStartOk:
      return decodeConnectionStartOk(reader);
    case MethodId.ConnectionSecure:
      return decodeConnectionSecure(reader);
    case MethodId.ConnectionSecureOk:
      return decodeConnectionSecureOk(reader);
    case MethodId.ConnectionTune:
      return decodeConnectionTune(reader);
    case MethodId.ConnectionTuneOk:
      return decodeConnectionTuneOk(reader);
    case MethodId.ConnectionOpen:
      return decodeConnectionOpen(reader);
    case MethodId.ConnectionOpenOk:
      return decodeConnectionOpenOk(reader);
    case MethodId.ConnectionClose:
      return decodeConnectionClose(reader);
    case MethodId.ConnectionCloseOk:
      return decodeConnectionCloseOk();
    case MethodId.ConnectionBlocked:
      return decodeConnectionBlocked(reader);
    case MethodId.ConnectionUnblocked:
      return decodeConnectionUnblocked();
    case MethodId.ConnectionUpdateSecret:
      return decodeConnectionUpdateSecret(reader);
    case MethodId.ConnectionUpdateSecretOk:
      return decodeConnectionUpdateSecretOk();
    case MethodId.ChannelOpen:
      return decodeChannelOpen(reader);
    case MethodId.ChannelOpenOk:
      return decodeChannelOpenOk(reader);
    case MethodId.ChannelFlow:
      return decodeChannelFlow(reader);
    case MethodId.ChannelFlowOk:
      return decodeChannelFlowOk(reader);
    case MethodId.ChannelClose:
      return decodeChannelClose(reader);
    case MethodId.ChannelCloseOk:
      return decodeChannelCloseOk();
    case MethodId.AccessRequest:
      return decodeAccessRequest(reader);
    case MethodId.AccessRequestOk:
      return decodeAccessRequestOk(reader);
    case MethodId.ExchangeDeclare:
      return decodeExchangeDeclare(reader);
    case MethodId.ExchangeDeclareOk:
      return decodeExchangeDeclareOk();
    case MethodId.ExchangeDelete:
      return decodeExchangeDelete(reader);
    case MethodId.ExchangeDeleteOk:
      return decodeExchangeDeleteOk();
    case MethodId.ExchangeBind:
      return decodeExchangeBind(reader);
    case MethodId.ExchangeBindOk:
      return decodeExchangeBindOk();
    case MethodId.ExchangeUnbind:
      return decodeExchangeUnbind(reader);
    case MethodId.ExchangeUnbindOk:
      return decodeExchangeUnbindOk();
    case MethodId.QueueDeclare:
      return decodeQueueDeclare(reader);
    case MethodId.QueueDeclareOk:
      return decodeQueueDeclareOk(reader);
    case MethodId.QueueBind:
      return decodeQueueBind(reader);
    case MethodId.QueueBindOk:
      return decodeQueueBindOk();
    case MethodId.QueuePurge:
      return decodeQueuePurge(reader);
    case MethodId.QueuePurgeOk:
      return decodeQueuePurgeOk(reader);
    case MethodId.QueueDelete:
      return decodeQueueDelete(reader);
    case MethodId.QueueDeleteOk:
      return decodeQueueDeleteOk(reader);
    case MethodId.QueueUnbind:
      return decodeQueueUnbind(reader);
    case MethodId.QueueUnbindOk:
      return decodeQueueUnbindOk();
    case MethodId.BasicQos:
      return decodeBasicQos(reader);
    case MethodId.BasicQosOk:
      return decodeBasicQosOk();
    case MethodId.BasicConsume:
      return decodeBasicConsume(reader);
    case MethodId.BasicConsumeOk:
      return decodeBasicConsumeOk(reader);
    case MethodId.BasicCancel:
      return decodeBasicCancel(reader);
    case MethodId.BasicCancelOk:
      return decodeBasicCancelOk(reader);
    case MethodId.BasicPublish:
      return decodeBasicPublish(reader);
    case MethodId.BasicReturn:
      return decodeBasicReturn(reader);
    case MethodId.BasicDeliver:
      return decodeBasicDeliver(reader);
    case MethodId.BasicGet:
      return decodeBasicGet(reader);
    case MethodId.BasicGetOk:
      return decodeBasicGetOk(reader);
    case MethodId.BasicGetEmpty:
      return decodeBasicGetEmpty(reader);
    case MethodId.BasicAck:
      return decodeBasicAck(reader);
    case MethodId.BasicReject:
      return decodeBasicReject(reader);
    case MethodId.BasicRecoverAsync:
      return decodeBasicRecoverAsync(reader);
    case MethodId.BasicRecover:
      return decodeBasicRecover(reader);
    case MethodId.BasicRecoverOk:
      return decodeBasicRecoverOk();
    case MethodId.BasicNack:
      return decodeBasicNack(reader);
    case MethodId.ConfirmSelect:
      return decodeConfirmSelect(reader);
    case MethodId.ConfirmSelectOk:
      return decodeConfirmSelectOk();
    case MethodId.TxSelect:
      return decodeTxSelect();
    case MethodId.TxSelectOk:
      return decodeTxSelectOk();
    case MethodId.TxCommit:
      return decodeTxCommit();
    case MethodId.TxCommitOk:
      return decodeTxCommitOk();
    case MethodId.TxRollback:
      return decodeTxRollback();
    case MethodId.TxRollbackOk:
      return decodeTxRollbackOk();
    default:
      throw new AmqpError(ReplyCode.CommandInvalid, 'unimplemented method').during(id);
  }
}

function decodeConnectionStart(reader: ByteReader): ConnectionStart {
  const versionMajor = reader.uint8();
  const versionMinor = reader.uint8();
  const serverProperties = reader.table();
  const mechanisms = reader.longString();
  const locales = reader.longString();
  return { id: MethodId.ConnectionStart, versionMajor, versionMinor, serverProperties, mechanisms, locales };
}

function decodeConnectionStartOk(reader: ByteReader): ConnectionStartOk {
  const clientProperties = reader.table();
  const mechanism = reader.shortString();
  const response = reader.longString();
  const locale = reader.shortString();
  return { id: MethodId.ConnectionStartOk, clientProperties, mechanism, response, locale };
}

function decodeConnectionSecure(reader: ByteReader): ConnectionSecure {
  const challenge = reader.longString();
  return { id: MethodId.ConnectionSecure, challenge };
}

function decodeConnectionSecureOk(reader: ByteReader): ConnectionSecureOk {
  const response = reader.longString();
  return { id: MethodId.ConnectionSecureOk, response };
}

function decodeConnectionTune(reader: ByteReader): ConnectionTune {
  const channelMax = reader.uint16();
  const frameMax = reader.uint32();
  const heartbeat = reader.uint16();
  return { id: MethodId.ConnectionTune, channelMax, frameMax, heartbeat };
}

function decodeConnectionTuneOk(reader: ByteReader): ConnectionTuneOk {
  const channelMax = reader.uint16();
  const frameMax = reader.uint32();
  const heartbeat = reader.uint16();
  return { id: MethodId.ConnectionTuneOk, channelMax, frameMax, heartbeat };
}

function decodeConnectionOpen(reader: ByteReader): ConnectionOpen {
  const virtualHost = reader.shortString();
  reader.shortString();
  reader.uint8();
  return { id: MethodId.ConnectionOpen, virtualHost };
}

function decodeConnectionOpenOk(reader: ByteReader): ConnectionOpenOk {
  reader.shortString();
  return { id: MethodId.ConnectionOpenOk };
}

function decodeConnectionClose(reader: ByteReader): ConnectionClose {
  const replyCode = reader.uint16();
  const replyText = reader.rawShortString();
  const classId = reader.uint16();
  const methodId = reader.uint16();
  return { id: MethodId.ConnectionClose, replyCode, replyText, classId, methodId };
}

function decodeConnectionCloseOk(): ConnectionCloseOk {
  return { id: MethodId.ConnectionCloseOk };
}

function decodeConnectionBlocked(reader: ByteReader): ConnectionBlocked {
  const reason = reader.shortString();
  return { id: MethodId.ConnectionBlocked, reason };
}

function decodeConnectionUnblocked(): ConnectionUnblocked {
  return { id: MethodId.ConnectionUnblocked };
}

function decodeConnectionUpdateSecret(reader: ByteReader): ConnectionUpdateSecret {
  const newSecret = reader.longString();
  const reason = reader.shortString();
  return { id: MethodId.ConnectionUpdateSecret, newSecret, reason };
}

function decodeConnectionUpdateSecretOk(): ConnectionUpdateSecretOk {
  return { id: MethodId.ConnectionUpdateSecretOk };
}

function decodeChannelOpen(reader: ByteReader): ChannelOpen {
  reader.shortString();
  return { id: MethodId.ChannelOpen };
}

function decodeChannelOpenOk(reader: ByteReader): ChannelOpenOk {
  reader.longString();
  return { id: MethodId.ChannelOpenOk };
}

function decodeChannelFlow(reader: ByteReader): ChannelFlow {
  const bits = reader.uint8();
  return { id: MethodId.ChannelFlow, active: (bits & 1) !== 0 };
}

function decodeChannelFlowOk(reader: ByteReader): ChannelFlowOk {
  const bits = reader.uint8();
  return { id: MethodId.ChannelFlowOk, active: (bits & 1) !== 0 };
}

function decodeChannelClose(reader: ByteReader): ChannelClose {
  const replyCode = reader.uint16();
  const replyText = reader.rawShortString();
  const classId = reader.uint16();
  const methodId = reader.uint16();
  return { id: MethodId.ChannelClose, replyCode, replyText, classId, methodId };
}

function decodeChannelCloseOk(): ChannelCloseOk {
  return { id: MethodId.ChannelCloseOk };
}

function decodeAccessRequest(reader: ByteReader): AccessRequest {
  const realm = reader.shortString();
  const bits = reader.uint8();
  return {
    id: MethodId.AccessRequest,
    realm,
    exclusive: (bits & 1) !== 0,
    passive: (bits & 2) !== 0,
    active: (bits & 4) !== 0,
    write: (bits & 8) !== 0,
    read: (bits & 16) !== 0,
  };
}

function decodeAccessRequestOk(reader: ByteReader): AccessRequestOk {
  const ticket = reader.uint16();
  return { id: MethodId.AccessRequestOk, ticket };
}

function decodeExchangeDeclare(reader: ByteReader): ExchangeDeclare {
  reader.uint16();
  const exchange = reader.shortString();
  const type = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return {
    id: MethodId.ExchangeDeclare,
    exchange,
    type,
    passive: (bits & 1) !== 0,
    durable: (bits & 2) !== 0,
    autoDelete: (bits & 4) !== 0,
    internal: (bits & 8) !== 0,
    noWait: (bits & 16) !== 0,
    arguments: table,
  };
}

function decodeExchangeDeclareOk(): ExchangeDeclareOk {
  return { id: MethodId.ExchangeDeclareOk };
}

function decodeExchangeDelete(reader: ByteReader): ExchangeDelete {
  reader.uint16();
  const exchange = reader.shortString();
  const bits = reader.uint8();
  return { id: MethodId.ExchangeDelete, exchange, ifUnused: (bits & 1) !== 0, noWait: (bits & 2) !== 0 };
}

function decodeExchangeDeleteOk(): ExchangeDeleteOk {
  return { id: MethodId.ExchangeDeleteOk };
}

function decodeExchangeBind(reader: ByteReader): ExchangeBind {
  reader.uint16();
  const destination = reader.shortString();
  const source = reader.shortString();
  const routingKey = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return {
    id: MethodId.ExchangeBind,
    destination,
    source,
    routingKey,
    noWait: (bits & 1) !== 0,
    arguments: table,
  };
}

function decodeExchangeBindOk(): ExchangeBindOk {
  return { id: MethodId.ExchangeBindOk };
}

function decodeExchangeUnbind(reader: ByteReader): ExchangeUnbind {
  reader.uint16();
  const destination = reader.shortString();
  const source = reader.shortString();
  const routingKey = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return {
    id: MethodId.ExchangeUnbind,
    destination,
    source,
    routingKey,
    noWait: (bits & 1) !== 0,
    arguments: table,
  };
}

function decodeExchangeUnbindOk(): ExchangeUnbindOk {
  return { id: MethodId.ExchangeUnbindOk };
}

function decodeQueueDeclare(reader: ByteReader): QueueDeclare {
  reader.uint16();
  const queue = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return {
    id: MethodId.QueueDeclare,
    queue,
    passive: (bits & 1) !== 0,
    durable: (bits & 2) !== 0,
    exclusive: (bits & 4) !== 0,
    autoDelete: (bits & 8) !== 0,
    noWait: (bits & 16) !== 0,
    arguments: table,
  };
}

function decodeQueueDeclareOk(reader: ByteReader): QueueDeclareOk {
  const queue = reader.shortString();
  const messageCount = reader.uint32();
  const consumerCount = reader.uint32();
  return { id: MethodId.QueueDeclareOk, queue, messageCount, consumerCount };
}

function decodeQueueBind(reader: ByteReader): QueueBind {
  reader.uint16();
  const queue = reader.shortString();
  const exchange = reader.shortString();
  const routingKey = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return { id: MethodId.QueueBind, queue, exchange, routingKey, noWait: (bits & 1) !== 0, arguments: table };
}

function decodeQueueBindOk(): QueueBindOk {
  return { id: MethodId.QueueBindOk };
}

function decodeQueuePurge(reader: ByteReader): QueuePurge {
  reader.uint16();
  const queue = reader.shortString();
  const bits = reader.uint8();
  return { id: MethodId.QueuePurge, queue, noWait: (bits & 1) !== 0 };
}

function decodeQueuePurgeOk(reader: ByteReader): QueuePurgeOk {
  const messageCount = reader.uint32();
  return { id: MethodId.QueuePurgeOk, messageCount };
}

function decodeQueueDelete(reader: ByteReader): QueueDelete {
  reader.uint16();
  const queue = reader.shortString();
  const bits = reader.uint8();
  return {
    id: MethodId.QueueDelete,
    queue,
    ifUnused: (bits & 1) !== 0,
    ifEmpty: (bits & 2) !== 0,
    noWait: (bits & 4) !== 0,
  };
}

function decodeQueueDeleteOk(reader: ByteReader): QueueDeleteOk {
  const messageCount = reader.uint32();
  return { id: MethodId.QueueDeleteOk, messageCount };
}

function decodeQueueUnbind(reader: ByteReader): QueueUnbind {
  reader.uint16();
  const queue = reader.shortString();
  const exchange = reader.shortString();
  const routingKey = reader.shortString();
  const table = reader.table();
  return { id: MethodId.QueueUnbind, queue, exchange, routingKey, arguments: table };
}

function decodeQueueUnbindOk(): QueueUnbindOk {
  return { id: MethodId.QueueUnbindOk };
}

function decodeBasicQos(reader: ByteReader): BasicQos {
  const prefetchSize = reader.uint32();
  const prefetchCount = reader.uint16();
  const bits = reader.uint8();
  return { id: MethodId.BasicQos, prefetchSize, prefetchCount, global: (bits & 1) !== 0 };
}

function decodeBasicQosOk(): BasicQosOk {
  return { id: MethodId.BasicQosOk };
}

function decodeBasicConsume(reader: ByteReader): BasicConsume {
  reader.uint16();
  const queue = reader.shortString();
  const consumerTag = reader.shortString();
  const bits = reader.uint8();
  const table = reader.table();
  return {
    id: MethodId.BasicConsume,
    queue,
    consumerTag,
    noLocal: (bits & 1) !== 0,
    noAck: (bits & 2) !== 0,
    exclusive: (bits & 4) !== 0,
    noWait: (bits & 8) !== 0,
    arguments: table,
  };
}

function decodeBasicConsumeOk(reader: ByteReader): BasicConsumeOk {
  const consumerTag = reader.shortString();
  return { id: MethodId.BasicConsumeOk, consumerTag };
}

function decodeBasicCancel(reader: ByteReader): BasicCancel {
  const consumerTag = reader.shortString();
  const bits = reader.uint8();
  return { id: MethodId.BasicCancel, consumerTag, noWait: (bits & 1) !== 0 };
}

function decodeBasicCancelOk(reader: ByteReader): BasicCancelOk {
  const consumerTag = reader.shortString();
  return { id: MethodId.BasicCancelOk, consumerTag };
}

function decodeBasicPublish(reader: ByteReader): BasicPublish {
  reader.uint16();
  const exchange = reader.rawShortString();
  const routingKey = reader.rawShortString();
  const bits = reader.uint8();
  return {
    id: MethodId.BasicPublish,
    exchange,
    routingKey,
    mandatory: (bits & 1) !== 0,
    immediate: (bits & 2) !== 0,
  };
}

function decodeBasicReturn(reader: ByteReader): BasicReturn {
  const replyCode = reader.uint16();
  const replyText = reader.rawShortString();
  const exchange = reader.rawShortString();
  const routingKey = reader.rawShortString();
  return { id: MethodId.BasicReturn, replyCode, replyText, exchange, routingKey };
}

function decodeBasicDeliver(reader: ByteReader): BasicDeliver {
  const consumerTag = reader.shortString();
  const deliveryTag = reader.uint64();
  const bits = reader.uint8();
  const exchange = reader.rawShortString();
  const routingKey = reader.rawShortString();
  return {
    id: MethodId.BasicDeliver,
    consumerTag,
    deliveryTag,
    redelivered: (bits & 1) !== 0,
    exchange,
    routingKey,
  };
}

function decodeBasicGet(reader: ByteReader): BasicGet {
  reader.uint16();
  const queue = reader.shortString();
  const bits = reader.uint8();
  return { id: MethodId.BasicGet, queue, noAck: (bits & 1) !== 0 };
}

function decodeBasicGetOk(reader: ByteReader): BasicGetOk {
  const deliveryTag = reader.uint64();
  const bits = reader.uint8();
  const exchange = reader.rawShortString();
  const routingKey = reader.rawShortString();
  const messageCount = reader.uint32();
  return {
    id: MethodId.BasicGetOk,
    deliveryTag,
    redelivered: (bits & 1) !== 0,
    exchange,
    routingKey,
    messageCount,
  };
}

function decodeBasicGetEmpty(reader: ByteReader): BasicGetEmpty {
  reader.shortString();
  return { id: MethodId.BasicGetEmpty };
}

function decodeBasicAck(reader: ByteReader): BasicAck {
  const deliveryTag = reader.uint64();
  const bits = reader.uint8();
  return { id: MethodId.BasicAck, deliveryTag, multiple: (bits & 1) !== 0 };
}

function decodeBasicReject(reader: ByteReader): BasicReject {
  const deliveryTag = reader.uint64();
  const bits = reader.uint8();
  return { id: MethodId.BasicReject, deliveryTag, requeue: (bits & 1) !== 0 };
}

function decodeBasicRecoverAsync(reader: ByteReader): BasicRecoverAsync {
  const bits = reader.uint8();
  return { id: MethodId.BasicRecoverAsync, requeue: (bits & 1) !== 0 };
}

function decodeBasicRecover(reader: ByteReader): BasicRecover {
  const bits = reader.uint8();
  return { id: MethodId.BasicRecover, requeue: (bits & 1) !== 0 };
}

function decodeBasicRecoverOk(): BasicRecoverOk {
  return { id: MethodId.BasicRecoverOk };
}

function decodeBasicNack(reader: ByteReader): BasicNack {
  const deliveryTag = reader.uint64();
  const bits = reader.uint8();
  return { id: MethodId.BasicNack, deliveryTag, multiple: (bits & 1) !== 0, requeue: (bits & 2) !== 0 };
}

function decodeConfirmSelect(reader: ByteReader): ConfirmSelect {
  const bits = reader.uint8();
  return { id: MethodId.ConfirmSelect, noWait: (bits & 1) !== 0 };
}

function decodeConfirmSelectOk(): ConfirmSelectOk {
  return { id: MethodId.ConfirmSelectOk };
}

function decodeTxSelect(): TxSelect {
  return { id: MethodId.TxSelect };
}

function decodeTxSelectOk(): TxSelectOk {
  return { id: MethodId.TxSelectOk };
}

function decodeTxCommit(): TxCommit {
  return { id: MethodId.TxCommit };
}

function decodeTxCommitOk(): TxCommitOk {
  return { id: MethodId.TxCommitOk };
}

function decodeTxRollback(): TxRollback {
  return { id: MethodId.TxRollback };
}

function decodeTxRollbackOk(): TxRollbackOk {
  return { id: MethodId.TxRollbackOk };
}

export function encodeConnectionStart(
  writer: ByteWriter,
  versionMajor: number,
  versionMinor: number,
  serverProperties: FieldTable,
  mechanisms: Buffer,
  locales: Buffer,
): void {
  writer.uint32(MethodId.ConnectionStart);
  writer.uint8(versionMajor);
  writer.uint8(versionMinor);
  writeTable(writer, serverProperties);
  writer.longString(mechanisms);
  writer.longString(locales);
}

export function encodeConnectionStartOk(
  writer: ByteWriter,
  clientProperties: FieldTable,
  mechanism: string,
  response: Buffer,
  locale: string,
): void {
  writer.uint32(MethodId.ConnectionStartOk);
  writeTable(writer, clientProperties);
  writer.shortString(mechanism);
  writer.longString(response);
  writer.shortString(locale);
}

export function encodeConnectionSecure(writer: ByteWriter, challenge: Buffer): void {
  writer.uint32(MethodId.ConnectionSecure);
  writer.longString(challenge);
}

export function encodeConnectionSecureOk(writer: ByteWriter, response: Buffer): void {
  writer.uint32(MethodId.ConnectionSecureOk);
  writer.longString(response);
}

export function encodeConnectionTune(
  writer: ByteWriter,
  channelMax: number,
  frameMax: number,
  heartbeat: number,
): void {
  writer.uint32(MethodId.ConnectionTune);
  writer.uint16(channelMax);
  writer.uint32(frameMax);
  writer.uint16(heartbeat);
}

export function encodeConnectionTuneOk(
  writer: ByteWriter,
  channelMax: number,
  frameMax: number,
  heartbeat: number,
): void {
  writer.uint32(MethodId.ConnectionTuneOk);
  writer.uint16(channelMax);
  writer.uint32(frameMax);
  writer.uint16(heartbeat);
}

export function encodeConnectionOpen(writer: ByteWriter, virtualHost: string): void {
  writer.uint32(MethodId.ConnectionOpen);
  writer.shortString(virtualHost);
  writer.shortString('');
  writer.uint8(0);
}

export function encodeConnectionOpenOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ConnectionOpenOk);
  writer.shortString('');
}

export function encodeConnectionClose(
  writer: ByteWriter,
  replyCode: number,
  replyText: string,
  classId: number,
  methodId: number,
): void {
  writer.uint32(MethodId.ConnectionClose);
  writer.uint16(replyCode);
  writer.shortString(replyText);
  writer.uint16(classId);
  writer.uint16(methodId);
}

export function encodeConnectionCloseOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ConnectionCloseOk);
}

export function encodeConnectionBlocked(writer: ByteWriter, reason: string): void {
  writer.uint32(MethodId.ConnectionBlocked);
  writer.shortString(reason);
}

export function encodeConnectionUnblocked(writer: ByteWriter): void {
  writer.uint32(MethodId.ConnectionUnblocked);
}

export function encodeConnectionUpdateSecret(writer: ByteWriter, newSecret: Buffer, reason: string): void {
  writer.uint32(MethodId.ConnectionUpdateSecret);
  writer.longString(newSecret);
  writer.shortString(reason);
}

export function encodeConnectionUpdateSecretOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ConnectionUpdateSecretOk);
}

export function encodeChannelOpen(writer: ByteWriter): void {
  writer.uint32(MethodId.ChannelOpen);
  writer.shortString('');
}

export function encodeChannelOpenOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ChannelOpenOk);
  writer.longString(noBytes);
}

export function encodeChannelFlow(writer: ByteWriter, active: boolean): void {
  writer.uint32(MethodId.ChannelFlow);
  writer.uint8(active ? 1 : 0);
}

export function encodeChannelFlowOk(writer: ByteWriter, active: boolean): void {
  writer.uint32(MethodId.ChannelFlowOk);
  writer.uint8(active ? 1 : 0);
}

export function encodeChannelClose(
  writer: ByteWriter,
  replyCode: number,
  replyText: string,
  classId: number,
  methodId: number,
): void {
  writer.uint32(MethodId.ChannelClose);
  writer.uint16(replyCode);
  writer.shortString(replyText);
  writer.uint16(classId);
  writer.uint16(methodId);
}

export function encodeChannelCloseOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ChannelCloseOk);
}

export function encodeAccessRequest(
  writer: ByteWriter,
  realm: string,
  exclusive: boolean,
  passive: boolean,
  active: boolean,
  write: boolean,
  read: boolean,
): void {
  writer.uint32(MethodId.AccessRequest);
  writer.shortString(realm);
  writer.uint8(
    (exclusive ? 1 : 0) | (passive ? 2 : 0) | (active ? 4 : 0) | (write ? 8 : 0) | (read ? 16 : 0),
  );
}

export function encodeAccessRequestOk(writer: ByteWriter, ticket: number): void {
  writer.uint32(MethodId.AccessRequestOk);
  writer.uint16(ticket);
}

export function encodeExchangeDeclare(
  writer: ByteWriter,
  exchange: string,
  type: string,
  passive: boolean,
  durable: boolean,
  autoDelete: boolean,
  internal: boolean,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.ExchangeDeclare);
  writer.uint16(0);
  writer.shortString(exchange);
  writer.shortString(type);
  writer.uint8(
    (passive ? 1 : 0) | (durable ? 2 : 0) | (autoDelete ? 4 : 0) | (internal ? 8 : 0) | (noWait ? 16 : 0),
  );
  writeTable(writer, table);
}

export function encodeExchangeDeclareOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ExchangeDeclareOk);
}

export function encodeExchangeDelete(
  writer: ByteWriter,
  exchange: string,
  ifUnused: boolean,
  noWait: boolean,
): void {
  writer.uint32(MethodId.ExchangeDelete);
  writer.uint16(0);
  writer.shortString(exchange);
  writer.uint8((ifUnused ? 1 : 0) | (noWait ? 2 : 0));
}

export function encodeExchangeDeleteOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ExchangeDeleteOk);
}

export function encodeExchangeBind(
  writer: ByteWriter,
  destination: string,
  source: string,
  routingKey: string,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.ExchangeBind);
  writer.uint16(0);
  writer.shortString(destination);
  writer.shortString(source);
  writer.shortString(routingKey);
  writer.uint8(noWait ? 1 : 0);
  writeTable(writer, table);
}

export function encodeExchangeBindOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ExchangeBindOk);
}

export function encodeExchangeUnbind(
  writer: ByteWriter,
  destination: string,
  source: string,
  routingKey: string,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.ExchangeUnbind);
  writer.uint16(0);
  writer.shortString(destination);
  writer.shortString(source);
  writer.shortString(routingKey);
  writer.uint8(noWait ? 1 : 0);
  writeTable(writer, table);
}

export function encodeExchangeUnbindOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ExchangeUnbindOk);
}

export function encodeQueueDeclare(
  writer: ByteWriter,
  queue: string,
  passive: boolean,
  durable: boolean,
  exclusive: boolean,
  autoDelete: boolean,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.QueueDeclare);
  writer.uint16(0);
  writer.shortString(queue);
  writer.uint8(
    (passive ? 1 : 0) | (durable ? 2 : 0) | (exclusive ? 4 : 0) | (autoDelete ? 8 : 0) | (noWait ? 16 : 0),
  );
  writeTable(writer, table);
}

export function encodeQueueDeclareOk(
  writer: ByteWriter,
  queue: string,
  messageCount: number,
  consumerCount: number,
): void {
  writer.uint32(MethodId.QueueDeclareOk);
  writer.shortString(queue);
  writer.uint32(messageCount);
  writer.uint32(consumerCount);
}

export function encodeQueueBind(
  writer: ByteWriter,
  queue: string,
  exchange: string,
  routingKey: string,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.QueueBind);
  writer.uint16(0);
  writer.shortString(queue);
  writer.shortString(exchange);
  writer.shortString(routingKey);
  writer.uint8(noWait ? 1 : 0);
  writeTable(writer, table);
}

export function encodeQueueBindOk(writer: ByteWriter): void {
  writer.uint32(MethodId.QueueBindOk);
}

export function encodeQueuePurge(writer: ByteWriter, queue: string, noWait: boolean): void {
  writer.uint32(MethodId.QueuePurge);
  writer.uint16(0);
  writer.shortString(queue);
  writer.uint8(noWait ? 1 : 0);
}

export function encodeQueuePurgeOk(writer: ByteWriter, messageCount: number): void {
  writer.uint32(MethodId.QueuePurgeOk);
  writer.uint32(messageCount);
}

export function encodeQueueDelete(
  writer: ByteWriter,
  queue: string,
  ifUnused: boolean,
  ifEmpty: boolean,
  noWait: boolean,
): void {
  writer.uint32(MethodId.QueueDelete);
  writer.uint16(0);
  writer.shortString(queue);
  writer.uint8((ifUnused ? 1 : 0) | (ifEmpty ? 2 : 0) | (noWait ? 4 : 0));
}

export function encodeQueueDeleteOk(writer: ByteWriter, messageCount: number): void {
  writer.uint32(MethodId.QueueDeleteOk);
  writer.uint32(messageCount);
}

export function encodeQueueUnbind(
  writer: ByteWriter,
  queue: string,
  exchange: string,
  routingKey: string,
  table: FieldTable,
): void {
  writer.uint32(MethodId.QueueUnbind);
  writer.uint16(0);
  writer.shortString(queue);
  writer.shortString(exchange);
  writer.shortString(routingKey);
  writeTable(writer, table);
}

export function encodeQueueUnbindOk(writer: ByteWriter): void {
  writer.uint32(MethodId.QueueUnbindOk);
}

export function encodeBasicQos(
  writer: ByteWriter,
  prefetchSize: number,
  prefetchCount: number,
  global: boolean,
): void {
  writer.uint32(MethodId.BasicQos);
  writer.uint32(prefetchSize);
  writer.uint16(prefetchCount);
  writer.uint8(global ? 1 : 0);
}

export function encodeBasicQosOk(writer: ByteWriter): void {
  writer.uint32(MethodId.BasicQosOk);
}

export function encodeBasicConsume(
  writer: ByteWriter,
  queue: string,
  consumerTag: string,
  noLocal: boolean,
  noAck: boolean,
  exclusive: boolean,
  noWait: boolean,
  table: FieldTable,
): void {
  writer.uint32(MethodId.BasicConsume);
  writer.uint16(0);
  writer.shortString(queue);
  writer.shortString(consumerTag);
  writer.uint8((noLocal ? 1 : 0) | (noAck ? 2 : 0) | (exclusive ? 4 : 0) | (noWait ? 8 : 0));
  writeTable(writer, table);
}

export function encodeBasicConsumeOk(writer: ByteWriter, consumerTag: string): void {
  writer.uint32(MethodId.BasicConsumeOk);
  writer.shortString(consumerTag);
}

export function encodeBasicCancel(writer: ByteWriter, consumerTag: string, noWait: boolean): void {
  writer.uint32(MethodId.BasicCancel);
  writer.shortString(consumerTag);
  writer.uint8(noWait ? 1 : 0);
}

export function encodeBasicCancelOk(writer: ByteWriter, consumerTag: string): void {
  writer.uint32(MethodId.BasicCancelOk);
  writer.shortString(consumerTag);
}

export function encodeBasicPublish(
  writer: ByteWriter,
  exchange: string,
  routingKey: string,
  mandatory: boolean,
  immediate: boolean,
): void {
  writer.uint32(MethodId.BasicPublish);
  writer.uint16(0);
  writer.shortString(exchange);
  writer.shortString(routingKey);
  writer.uint8((mandatory ? 1 : 0) | (immediate ? 2 : 0));
}

export function encodeBasicReturn(
  writer: ByteWriter,
  replyCode: number,
  replyText: string,
  exchange: string,
  routingKey: string,
): void {
  writer.uint32(MethodId.BasicReturn);
  writer.uint16(replyCode);
  writer.shortString(replyText);
  writer.shortString(exchange);
  writer.shortString(routingKey);
}

export function encodeBasicDeliver(
  writer: ByteWriter,
  consumerTag: string,
  deliveryTag: number,
  redelivered: boolean,
  exchange: string,
  routingKey: string,
): void {
  writer.uint32(MethodId.BasicDeliver);
  writer.shortString(consumerTag);
  writer.uint64(deliveryTag);
  writer.uint8(redelivered ? 1 : 0);
  writer.shortString(exchange);
  writer.shortString(routingKey);
}

export function encodeBasicGet(writer: ByteWriter, queue: string, noAck: boolean): void {
  writer.uint32(MethodId.BasicGet);
  writer.uint16(0);
  writer.shortString(queue);
  writer.uint8(noAck ? 1 : 0);
}

export function encodeBasicGetOk(
  writer: ByteWriter,
  deliveryTag: number,
  redelivered: boolean,
  exchange: string,
  routingKey: string,
  messageCount: number,
): void {
  writer.uint32(MethodId.BasicGetOk);
  writer.uint64(deliveryTag);
  writer.uint8(redelivered ? 1 : 0);
  writer.shortString(exchange);
  writer.shortString(routingKey);
  writer.uint32(messageCount);
}

export function encodeBasicGetEmpty(writer: ByteWriter): void {
  writer.uint32(MethodId.BasicGetEmpty);
  writer.shortString('');
}

export function encodeBasicAck(writer: ByteWriter, deliveryTag: number, multiple: boolean): void {
  writer.uint32(MethodId.BasicAck);
  writer.uint64(deliveryTag);
  writer.uint8(multiple ? 1 : 0);
}

export function encodeBasicReject(writer: ByteWriter, deliveryTag: number, requeue: boolean): void {
  writer.uint32(MethodId.BasicReject);
  writer.uint64(deliveryTag);
  writer.uint8(requeue ? 1 : 0);
}

export function encodeBasicRecoverAsync(writer: ByteWriter, requeue: boolean): void {
  writer.uint32(MethodId.BasicRecoverAsync);
  writer.uint8(requeue ? 1 : 0);
}

export function encodeBasicRecover(writer: ByteWriter, requeue: boolean): void {
  writer.uint32(MethodId.BasicRecover);
  writer.uint8(requeue ? 1 : 0);
}

export function encodeBasicRecoverOk(writer: ByteWriter): void {
  writer.uint32(MethodId.BasicRecoverOk);
}

export function encodeBasicNack(
  writer: ByteWriter,
  deliveryTag: number,
  multiple: boolean,
  requeue: boolean,
): void {
  writer.uint32(MethodId.BasicNack);
  writer.uint64(deliveryTag);
  writer.uint8((multiple ? 1 : 0) | (requeue ? 2 : 0));
}

export function encodeConfirmSelect(writer: ByteWriter, noWait: boolean): void {
  writer.uint32(MethodId.ConfirmSelect);
  writer.uint8(noWait ? 1 : 0);
}

export function encodeConfirmSelectOk(writer: ByteWriter): void {
  writer.uint32(MethodId.ConfirmSelectOk);
}

export function encodeTxSelect(writer: ByteWriter): void {
  writer.uint32(MethodId.TxSelect);
}

export function encodeTxSelectOk(writer: ByteWriter): void {
  writer.uint32(MethodId.TxSelectOk);
}

export function encodeTxCommit(writer: ByteWriter): void {
  writer.uint32(MethodId.TxCommit);
}

export function encodeTxCommitOk(writer: ByteWriter): void {
  writer.uint32(MethodId.TxCommitOk);
}

export function encodeTxRollback(writer: ByteWriter): void {
  writer.uint32(MethodId.TxRollback);
}

export function encodeTxRollbackOk(writer: ByteWriter): void {
  writer.uint32(MethodId.TxRollbackOk);
}
