import { CommandError, ExitCode } from '../exit-code.ts';
import type { Command } from './command.ts';

const noCluster =
  'there is no cluster yet, this broker is its only node: leave the step out, cluster_status shows the node';
const noErlang =
  'there is no Erlang here to evaluate it: leveretctl help lists what can be asked, the HTTP API has the rest';
const noMirrors = 'there are no mirrored queues, this broker is one node: leave the step out';
const noCookie =
  'there is no Erlang cookie: leveretctl comes in by the local socket, or with a password over --url';
const noApp = 'the broker and its process are one: use stop, or suspend_listeners to keep clients away';
const noPlugins = 'there are no plugins: what Leveret has of them is built in (docs/exchange-types.md)';
const notEncrypted =
  'values of leveret.conf are not encrypted: give passwords in the environment, or in a file of mode 0600';

/** Commands of RabbitMQ that would have nothing to do here, and what to do instead. */
export const reasons: Readonly<Record<string, string>> = {
  join_cluster: noCluster,
  forget_cluster_node: noCluster,
  change_cluster_node_type: noCluster,
  rename_cluster_node: noCluster,
  update_cluster_nodes: noCluster,
  force_boot: noCluster,
  grow: noCluster,
  grow_to_count: noCluster,
  shrink: noCluster,
  add_member: noCluster,
  delete_member: noCluster,
  add_replica: noCluster,
  delete_replica: noCluster,
  transfer_leadership: noCluster,
  drain:
    'there is no other node to go to: suspend_listeners keeps clients away, close_all_connections ends theirs',
  revive: 'use resume_listeners, after suspend_listeners',
  await_online_quorum_plus_one: 'there are no replicas to wait for: await_startup waits for the broker',
  await_online_synchronized_mirror: noCluster,
  sync_queue: noMirrors,
  cancel_sync_queue: noMirrors,
  reset: 'stop the broker and move its data directory away: then it starts as new',
  force_reset: 'stop the broker and move its data directory away: then it starts as new',
  start_app: noApp,
  stop_app: noApp,
  eval: noErlang,
  eval_file: noErlang,
  exec: noErlang,
  remote_shell: noErlang,
  observer: 'there is no Erlang here to observe: see leveretctl top and /metrics',
  encode: notEncrypted,
  decode: notEncrypted,
  encrypt_conf_value: notEncrypted,
  decrypt_conf_value: notEncrypted,
  list_ciphers: notEncrypted,
  list_hashes: notEncrypted,
  erlang_cookie_hash: noCookie,
  erlang_cookie_sources: noCookie,
  hipe_compile: 'there is nothing to compile: leave the step out',
  schema_info: 'definitions are not kept in Mnesia: see export_definitions',
  node_health_check: 'use check_running, check_local_alarms and check_virtual_hosts',
  maybe_stuck: 'there is one event loop: see leveret_event_loop_delay in /metrics',
  runtime_thread_stats: 'there is one event loop: see leveret_event_loop_delay in /metrics',
  list_node_auth_attempt_stats: 'see rabbitmq_auth_attempts_total in /metrics',
  reset_node_auth_attempt_metrics: 'counters of /metrics are never reset: Prometheus takes differences',
  enable_auth_attempt_source_tracking: 'failed logins are logged with their address',
  disable_auth_attempt_source_tracking: 'failed logins are logged with their address',
  log_tail: 'read the log where it is kept: journalctl -u leveret, or the files of leveretctl log_location',
  log_tail_stream: 'follow the log where it is kept: journalctl -fu leveret, or tail -F its file',
  consume_event_stream: 'bind a queue to the exchange amq.rabbitmq.event: see docs/broker-events.md',
  list_network_interfaces: 'ask the operating system: ip address',
  resolver_info: 'ask the operating system: /etc/resolv.conf and /etc/nsswitch.conf',
  list: noPlugins,
  enable: noPlugins,
  disable: noPlugins,
  set: noPlugins,
  is_enabled: noPlugins,
  directories: noPlugins,
  autocomplete: 'leveretctl help lists all commands',
};

/** Each ends with one line and 69, RabbitMQ's code for what a node cannot do. */
export const unsupportedCommands: readonly Command[] = Object.entries(reasons).map(([name, reason]) => ({
  synopsis: `${name} [word] ...`,
  doc: `Not here: ${reason}`,
  ignoresFlags: true,
  run: async () => {
    throw new CommandError(`${name} has no place here: ${reason}`, ExitCode.Unavailable);
  },
}));
