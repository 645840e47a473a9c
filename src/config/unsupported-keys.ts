/**
 * Keys of rabbitmq.conf that Leveret knows and does nothing with, and why. A file that was written for RabbitMQ
 * starts Leveret, with one line in the log for each of them; a key that neither knows is an error.
 *
 * @see https://www.rabbitmq.com/docs/configure
 */
const ownMemory = 'queues leave memory on their own when it gets short';
const noCluster = 'this broker runs on one node';
const erlang = 'it tunes the Erlang runtime';
const otherProtocol = 'only AMQP 0-9-1 is spoken';

const reasons: readonly (readonly [prefix: string, reason: string])[] = [
  ['vm_memory_high_watermark_paging_ratio', ownMemory],
  ['vm_memory_calculation_strategy', 'memory in use is what the operating system says'],
  ['lazy_queue_explicit_gc_run_operation_threshold', ownMemory],
  ['queue_index_embed_msgs_below', 'messages are never kept apart from their queue'],
  ['msg_store_', 'the store has files of its own: see generation_size'],
  ['classic_queue.', 'classic queues have one format'],
  ['raft.', noCluster],
  ['quorum_queue.', noCluster],
  ['cluster_formation.', noCluster],
  ['cluster_name', 'it is kept with the definitions: leveretctl set_cluster_name'],
  ['cluster_partition_handling', noCluster],
  ['cluster_partition_handling.', noCluster],
  ['cluster_keepalive_interval', noCluster],
  ['cluster_queue_limit', noCluster],
  ['queue_master_locator', noCluster],
  ['queue_leader_locator', noCluster],
  ['mirroring_', noCluster],
  ['net_ticktime', noCluster],
  ['distribution.', noCluster],
  ['collect_statistics', 'figures are counted as they happen'],
  ['background_gc_', erlang],
  ['num_acceptors.', erlang],
  ['delegate_count', erlang],
  ['erlang.', erlang],
  ['hipe_compile', erlang],
  ['default_worker_pool_size', erlang],
  ['distributed_cookie', noCluster],
  ['credit_flow_default_credit', 'publishers are held back by the disk and by memory alone'],
  ['deprecated_features.', 'nothing is deprecated yet'],
  ['feature_flags.', 'there are no feature flags to choose'],
  ['reverse_dns_lookups', 'connections are named by their addresses'],
  ['ssl_handshake_timeout', 'handshake_timeout is for the handshake of TLS, too'],
  ...['ssl_options', 'management.ssl'].flatMap((prefix): [string, string][] => [
    [`${prefix}.client_renegotiation`, 'clients may renegotiate three times in ten minutes'],
    [`${prefix}.secure_renegotiate`, 'there is no other kind of renegotiation'],
    [`${prefix}.reuse_sessions`, 'sessions are resumed'],
    [`${prefix}.log_alert`, 'what ends a handshake is logged'],
    [`${prefix}.dhfile`, 'OpenSSL has parameters of its own'],
    [`${prefix}.honor_ecc_order`, 'OpenSSL chooses the curve'],
    [`${prefix}.backlog`, 'the operating system has a limit of its own'],
  ]),
  ['log.file.rotation.', 'rotation is left to the system: move the file and send SIGHUP'],
  ['log.rotation.', 'rotation is left to the system: move the file and send SIGHUP'],
  ...['channel', 'connection', 'default', 'queue'].flatMap((name): [string, string][] => [
    [`log.${name}.file`, 'categories have a level and no file: all lines go to log.file'],
    [`log.${name}.rotation.`, 'rotation is left to the system: move the file and send SIGHUP'],
  ]),
  ['log.console.color_esc_seqs.', 'colours are those of pino-pretty'],
  ['log.console.use_colors', 'colours are used on a terminal, unless NO_COLOR is set'],
  ['log.exchange', 'there is no exchange of log lines: see log.file and log.console'],
  ['log.syslog', 'the console is what the service manager collects: see log.console'],
  ['log.journald', 'the console is what the service manager collects: see log.console'],
  ...['federation', 'mirroring', 'upgrade', 'prelaunch', 'ra', 'shovel', 'ldap'].map(
    (name): [string, string] => [`log.${name}.level`, 'there are no lines of that category'],
  ),
  ['mqtt.', otherProtocol],
  ['stomp.', otherProtocol],
  ['stream.', otherProtocol],
  ['web_mqtt.', otherProtocol],
  ['web_stomp.', otherProtocol],
  ['amqp1_0.', otherProtocol],
];

/** Why a key of RabbitMQ's has no effect here; `undefined` for a key that is not one of these. */
export function reasonNotSupported(key: string): string | undefined {
  return reasons.find(([prefix]) => key === prefix || (isOpen(prefix) && key.startsWith(prefix)))?.[1];
}

/** Whether names may follow. */
function isOpen(prefix: string): boolean {
  return /[._]$|^collect_statistics$|^log\.(exchange|syslog|journald)$/.test(prefix);
}
